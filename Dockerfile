# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
COPY config config
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim AS install
COPY scripts/requirements.lock /
COPY --from=build /wheels /wheels
RUN python -m venv /opt/filum-bridge && \
    /opt/filum-bridge/bin/pip install --no-cache-dir --no-deps --require-hashes -r /requirements.lock && \
    /opt/filum-bridge/bin/pip install --no-cache-dir --no-deps /wheels/*.whl && \
    /opt/filum-bridge/bin/python -m pip uninstall --yes pip setuptools

FROM python:3.11-slim
LABEL org.opencontainers.image.title="filum-bridge" \
      org.opencontainers.image.description="Kafka and RabbitMQ to Filum" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=install /opt/filum-bridge /opt/filum-bridge
ENV PATH=/opt/filum-bridge/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 9464
HEALTHCHECK NONE
ENTRYPOINT ["filum-bridge"]
CMD ["run", "--config", "/etc/filum-bridge/bridge.yaml"]
