-- Not run by the project's tests. Flink SQL with the Kafka connector: one row for each operation, its last state.
CREATE TABLE operations (
    operation STRING,
    cloud STRING,
    aggregate_name STRING,
    status STRING,
    revision BIGINT,
    hosts_total BIGINT,
    hosts_done BIGINT,
    hosts_failed BIGINT,
    hosts_silent BIGINT,
    errors BIGINT,
    `sequence` BIGINT,
    `partition` INT METADATA VIRTUAL,
    `offset` BIGINT METADATA VIRTUAL
) WITH (
    'connector' = 'kafka',
    'topic' = 'precache.operations',
    'properties.bootstrap.servers' = 'localhost:9092',
    'properties.group.id' = 'example-flink',
    'properties.isolation.level' = 'read_committed',
    'scan.startup.mode' = 'earliest-offset',
    'format' = 'json',
    'json.ignore-parse-errors' = 'true'
);

SELECT operation, status, revision, hosts_done, hosts_total
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY operation ORDER BY `sequence` DESC) AS newest
    FROM operations
)
WHERE newest = 1 AND status IN ('completed', 'completed_with_errors', 'abandoned');
