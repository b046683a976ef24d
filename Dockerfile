# syntax=docker/dockerfile:1
ARG PYTHON=3.11

# What the bridge imports: a layer that stays the same from release to release.
FROM python:${PYTHON}-slim AS libraries
ENV PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY scripts/requirements.lock /
RUN python -m venv --without-pip /opt/filum-bridge && \
    pip --python /opt/filum-bridge/bin/python install --no-deps --require-hashes -r /requirements.lock

# The wheel, its hot modules as C. The compiler stays here.
FROM libraries AS wheel
# The headers come with the official image's Python; a distribution has them in a package of their own.
# hadolint ignore=DL3008
RUN apt-get update && \
    python -c 'import pathlib, sysconfig as s; exit(not pathlib.Path(s.get_path("include"), "Python.h").exists())' || \
    headers=python3-dev && \
    apt-get install -y --no-install-recommends gcc libc6-dev ${headers:+"$headers"} && rm -rf /var/lib/apt/lists/*
COPY scripts/build.lock /
RUN pip --python /opt/filum-bridge/bin/python install --no-deps --require-hashes -r /build.lock
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
COPY config config
RUN HATCH_BUILD_HOOK_ENABLE_MYPYC=true PATH=/opt/filum-bridge/bin:$PATH \
    pip --python /opt/filum-bridge/bin/python wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:${PYTHON}-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="filum-bridge" \
      org.opencontainers.image.description="Kafka and RabbitMQ to Filum: YAML rules, at-least-once delivery, order per user" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=libraries /opt/filum-bridge /opt/filum-bridge
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/filum-bridge/bin/python --no-cache-dir --disable-pip-version-check \
    install --root-user-action ignore --no-deps --no-index /wheels/*.whl
ENV PATH=/opt/filum-bridge/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 9464
HEALTHCHECK NONE
ENTRYPOINT ["filum-bridge"]
CMD ["run", "--config", "/etc/filum-bridge/bridge.yaml"]
