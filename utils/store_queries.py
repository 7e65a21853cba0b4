"""What the history asks of its database beyond one clip: finding clips, and who allows training with theirs."""

from datetime import datetime, timezone

import sqlalchemy as sa

from utils.store_schema import CLIPS, CONSENTS


def matching(visitor: str, *, before: str | None, emotion: str | None, search: str | None) -> sa.Select[tuple[object]]:
    """A visitor's clips, newest first, as `ClipStore.list` describes them; how many is for the caller to say."""
    wanted = CLIPS.select().where(CLIPS.c.visitor == visitor).order_by(CLIPS.c.id.desc())
    if before is not None:
        wanted = wanted.where(CLIPS.c.id < before)
    if emotion is not None:
        wanted = wanted.where(_counts_as(emotion))
    if search:
        columns = (CLIPS.c.transcript_text, CLIPS.c.filename)
        wanted = wanted.where(sa.or_(*(column.icontains(search, autoescape=True) for column in columns)))
    return wanted


def _counts_as(emotion: str) -> sa.ColumnElement[bool]:
    """The truth counts where a person said it, else what was heard."""
    if emotion == "uncertain":
        heard = CLIPS.c.status == "uncertain"
    else:
        heard = sa.and_(CLIPS.c.emotion == emotion, CLIPS.c.status == "ok")
    return sa.or_(CLIPS.c.correction == emotion, sa.and_(CLIPS.c.correction.is_(None), heard))


def allows_training(visitor: str) -> sa.Select[tuple[bool]]:
    """Whether the visitor consented."""
    return sa.select(sa.exists().where(CONSENTS.c.visitor == visitor))


def give_consent(visitor: str) -> sa.Insert:
    """Fails with an IntegrityError where the visitor has consented already."""
    return CONSENTS.insert().values(visitor=visitor, given_at=datetime.now(timezone.utc))


def withdraw_consent(visitor: str) -> sa.Delete:
    """The visitor no longer consents."""
    return CONSENTS.delete().where(CONSENTS.c.visitor == visitor)


def forget_stale_consents(before: datetime) -> sa.Delete:
    """Older consents of visitors who have no clip left."""
    return CONSENTS.delete().where(
        CONSENTS.c.given_at < before, ~sa.exists().where(CLIPS.c.visitor == CONSENTS.c.visitor)
    )


def for_training() -> sa.Select[tuple[object]]:
    """The corrected clips of all who consent, in a stable order."""
    consenting = CLIPS.join(CONSENTS, CLIPS.c.visitor == CONSENTS.c.visitor)
    return sa.select(CLIPS).select_from(consenting).where(CLIPS.c.correction.is_not(None)).order_by(CLIPS.c.id)
