# One image for every service of docker-compose.yaml: Airflow's parts, MLflow, the warehouse's migrations.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git curl tini libgomp1 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/almanac
COPY requirements.txt .
RUN pip install --no-cache-dir "$(grep '^uv==' requirements.txt)" \
    && uv pip install --system --no-cache --compile-bytecode --torch-backend cpu -r requirements.txt

COPY . .
ENV PYTHONPATH=/opt/almanac \
    AIRFLOW_HOME=/opt/airflow \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
RUN useradd --create-home --uid 50000 almanac \
    && mkdir -p /opt/airflow /var/lib/almanac \
    && chown -R almanac:almanac /opt/airflow /var/lib/almanac
USER almanac
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["airflow", "version"]
