# The web page and the JSON API, and nothing that only training needs: docs/scale.md says how to run it.
FROM python:3.12-slim-bookworm AS packages
COPY requirements-serve.lock /
RUN python -m venv /packages \
    && /packages/bin/pip install --no-cache-dir --require-hashes -r /requirements-serve.lock

FROM python:3.12-slim-bookworm
ENV PATH=/packages/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
RUN useradd --system --uid 10001 --no-create-home voice \
    && install --directory --owner=10001 --mode=700 instance
COPY --from=packages /packages /packages
COPY web_app.py gunicorn.conf.py ./
COPY docs/privacy.md docs/
COPY translations/ translations/
COPY models/ models/
COPY templates/ templates/
COPY static/ static/
COPY utils/ utils/
COPY web/ web/
USER 10001
VOLUME /app/instance
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/api/health/ready', timeout=4)"]
CMD ["python", "web_app.py", "--host", "0.0.0.0"]
