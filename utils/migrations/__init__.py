"""Steps from each version of the history's database to the next, for Alembic."""
