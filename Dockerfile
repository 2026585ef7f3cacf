# syntax=docker/dockerfile:1
# Two stages: the first builds a virtual environment from the lock file, the second carries only that.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
COPY connector connector
COPY mappings mappings
RUN python -m venv /opt/connector \
 && /opt/connector/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock \
 && /opt/connector/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/connector --create-home connector
COPY --from=build /opt/connector /opt/connector
ENV PATH=/opt/connector/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CONNECTOR_DATA_DIR=/var/lib/connector \
    CONNECTOR_HOST=0.0.0.0 \
    CONNECTOR_PORT=8080
USER 10001
# Everything that is written goes here: run with --read-only and a volume (and --tmpfs /tmp).
VOLUME /var/lib/connector
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["connector"]
CMD ["serve"]
