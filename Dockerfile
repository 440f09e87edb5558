# One image for each part, chosen by EXTRA (bridge, processor or all):
#   docker build --build-arg EXTRA=bridge -t nova-precache-bridge .
FROM python:3.12-slim AS build
ARG EXTRA=all
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
WORKDIR /src
# First what changes seldom: the dependencies, in the versions and with the hashes of the lock file.
COPY pyproject.toml uv.lock ./
RUN python -m venv /opt/precache \
    && uv export --frozen --no-dev --no-emit-project --extra "$EXTRA" --output-file /tmp/requirements.txt \
    && uv pip install --no-cache --python /opt/precache --require-hashes --requirement /tmp/requirements.txt
COPY . .
RUN uv build --wheel --out-dir /tmp/wheels \
    && uv pip install --no-cache --python /opt/precache --no-deps /tmp/wheels/*.whl

FROM python:3.12-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin precache
COPY --from=build /opt/precache /opt/precache
ENV PATH=/opt/precache/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["precache"]
CMD ["--help"]
