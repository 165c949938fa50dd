# The image that every step runs in on a cluster. From the root of the repository:
#   docker build -f infra/images/step.Dockerfile -t estafet/python-step:0.1.0 .
# "python" is in its name because Kubeflow's subprocess runner asks for it. BASE may be any image with Python 3.11 or 3.12.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS build
WORKDIR /build
COPY requirements.lock ./
# Byte code is compiled here, once, and not at the start of every pod, where nothing may be written.
RUN python3 -m venv /opt/estafet && /opt/estafet/bin/python -m pip install --no-cache-dir -r requirements.lock
COPY . .
RUN /opt/estafet/bin/python -m pip install --no-cache-dir --no-deps .

FROM ${BASE}
COPY --from=build /opt/estafet /opt/estafet
# Clusters run pods as any user, drop every capability and mount the root read-only: only /tmp is written to.
ENV PATH=/opt/estafet/bin:$PATH HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1 TF_CPP_MIN_LOG_LEVEL=2
USER 65532:65532
WORKDIR /tmp
CMD ["estafet", "--help"]
