CREATE TABLE precache_progress (
  "cloud" TEXT NOT NULL,
  "aggregate_uuid" TEXT NOT NULL,
  "aggregate_name" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "time" INTEGER NOT NULL,
  "operation" TEXT NOT NULL,
  "index" INTEGER NOT NULL,
  "hosts_total" INTEGER NOT NULL,
  "hosts_done" INTEGER NOT NULL,
  "hosts_failed" INTEGER NOT NULL,
  "percent" REAL NOT NULL,
  "images_cached" TEXT NOT NULL,
  "images_failed" TEXT NOT NULL,
  "images_cached_count" INTEGER NOT NULL,
  "images_failed_count" INTEGER NOT NULL,
  "conductor" TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cloud, aggregate_uuid, aggregate_name, host, time)
) WITHOUT ROWID;

CREATE TABLE precache_operation (
  "cloud" TEXT NOT NULL,
  "aggregate_uuid" TEXT NOT NULL,
  "aggregate_name" TEXT NOT NULL,
  "time" INTEGER NOT NULL,
  "operation" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "revision" INTEGER NOT NULL,
  "hosts_total" INTEGER NOT NULL,
  "hosts_done" INTEGER NOT NULL,
  "hosts_failed" INTEGER NOT NULL,
  "hosts_silent" INTEGER NOT NULL,
  "errors" INTEGER NOT NULL,
  "percent" REAL NOT NULL,
  "images" TEXT NOT NULL,
  "failed_hosts" TEXT NOT NULL,
  "silent_hosts" TEXT NOT NULL,
  "started_at" TEXT NOT NULL,
  "ended_at" TEXT NOT NULL,
  "duration_s" REAL NOT NULL,
  "start_missing" INTEGER NOT NULL,
  "end_missing" INTEGER NOT NULL,
  "request_id" TEXT NOT NULL,
  "project_id" TEXT NOT NULL,
  "user_id" TEXT NOT NULL,
  "global_request_id" TEXT NOT NULL DEFAULT '',
  "conductor" TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cloud, aggregate_uuid, aggregate_name, time)
) WITHOUT ROWID;

CREATE TABLE precache_image (
  "cloud" TEXT NOT NULL,
  "aggregate_uuid" TEXT NOT NULL,
  "aggregate_name" TEXT NOT NULL,
  "image" TEXT NOT NULL,
  "time" INTEGER NOT NULL,
  "operation" TEXT NOT NULL,
  "hosts_cached" INTEGER NOT NULL,
  "hosts_failed" INTEGER NOT NULL,
  PRIMARY KEY (cloud, aggregate_uuid, aggregate_name, image, time)
) WITHOUT ROWID;

CREATE TABLE precache_bridge (
  "cloud" TEXT NOT NULL,
  "instance" TEXT NOT NULL,
  "time" INTEGER NOT NULL,
  "version" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "received" INTEGER NOT NULL,
  "forwarded" INTEGER NOT NULL,
  "deadlettered" INTEGER NOT NULL,
  "in_flight" INTEGER NOT NULL,
  PRIMARY KEY (cloud, instance, time)
) WITHOUT ROWID;

CREATE TABLE precache_boot (
  "cloud" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "image" TEXT NOT NULL,
  "time" INTEGER NOT NULL,
  "instance" TEXT NOT NULL,
  "duration_s" REAL NOT NULL,
  "result" TEXT NOT NULL,
  PRIMARY KEY (cloud, host, image, time)
) WITHOUT ROWID;

CREATE TABLE precache_wanted (
  "cloud" TEXT NOT NULL,
  "aggregate_uuid" TEXT NOT NULL,
  "aggregate_name" TEXT NOT NULL,
  "image" TEXT NOT NULL,
  "time" INTEGER NOT NULL,
  "state" TEXT NOT NULL,
  "hosts_wanted" INTEGER NOT NULL,
  "hosts_resident" INTEGER NOT NULL,
  "hosts_expiring" INTEGER NOT NULL,
  "hosts_failed" INTEGER NOT NULL,
  "hosts_silent" INTEGER NOT NULL,
  "hosts_unsure" INTEGER NOT NULL,
  "hosts_missing" INTEGER NOT NULL,
  "next_action" TEXT NOT NULL,
  "next_at" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "last_operation" TEXT NOT NULL,
  PRIMARY KEY (cloud, aggregate_uuid, aggregate_name, image, time)
) WITHOUT ROWID;

CREATE VIEW operations AS
-- every operation, the last begun first
SELECT cloud, aggregate_name, strftime('%Y-%m-%d %H:%M:%S', time / 1000000000, 'unixepoch') AS at, status,
       hosts_done, hosts_total, errors, hosts_failed, hosts_silent, round(percent, 1) AS percent,
       round(duration_s, 1) AS duration_s, images, failed_hosts, silent_hosts, operation, aggregate_uuid, time
FROM precache_operation
ORDER BY time DESC;

CREATE VIEW operations_open AS
-- those without an end, the oldest first
SELECT * FROM operations WHERE status IN ('running', 'ending', 'stalled') ORDER BY time;

CREATE VIEW operations_latest AS
-- of each aggregate, the operation that began last
SELECT * FROM operations AS o
WHERE o.time = (SELECT max(p.time) FROM precache_operation AS p
                WHERE p.cloud = o.cloud AND p.aggregate_uuid = o.aggregate_uuid)
ORDER BY cloud, aggregate_name;

CREATE VIEW host_images AS
-- of each image on each host, the last report: cached or failed, whatever the aggregate
SELECT cloud, host, image, result, aggregate_name, strftime('%Y-%m-%d %H:%M:%S', time / 1000000000, 'unixepoch') AS at,
       operation, aggregate_uuid, time
FROM (SELECT r.*, row_number() OVER (PARTITION BY cloud, host, image ORDER BY time DESC, operation) AS nth
      FROM (SELECT p.*, j.value AS image, 'cached' AS result FROM precache_progress AS p, json_each(p.images_cached) AS j
            UNION ALL
            SELECT p.*, j.value, 'failed' FROM precache_progress AS p, json_each(p.images_failed) AS j) AS r)
WHERE nth = 1;

CREATE VIEW hosts_silent AS
-- hosts that the last operation of their aggregate asked and that did not answer
SELECT cloud, aggregate_name, j.value AS host, at, images, operation, aggregate_uuid, time
FROM operations_latest, json_each(silent_hosts) AS j;

CREATE VIEW hosts_without_image AS
-- where an image is not, as far as is known: it failed when last tried, or the host did not answer
SELECT cloud, host, image, 'failed' AS why, aggregate_name, at, operation FROM host_images WHERE result = 'failed'
UNION ALL
SELECT cloud, host, j.value, 'silent', aggregate_name, at, operation FROM hosts_silent, json_each(images) AS j;

CREATE VIEW images_latest AS
-- of each image and aggregate, the last operation's counts
SELECT cloud, aggregate_name, image, hosts_cached, hosts_failed,
       strftime('%Y-%m-%d %H:%M:%S', time / 1000000000, 'unixepoch') AS at, operation, aggregate_uuid, time
FROM precache_image AS i
WHERE i.time = (SELECT max(p.time) FROM precache_image AS p
                WHERE p.cloud = i.cloud AND p.aggregate_uuid = i.aggregate_uuid AND p.image = i.image);

CREATE VIEW bridges AS
-- each bridge's last sign of life (one comes every minute) and its age in seconds
SELECT cloud, instance, state, version, strftime('%Y-%m-%d %H:%M:%S', time / 1000000000, 'unixepoch') AS at,
       CAST(strftime('%s', 'now') AS INTEGER) - time / 1000000000 AS age_s,
       received, forwarded, deadlettered, in_flight
FROM precache_bridge AS b
WHERE b.time = (SELECT max(p.time) FROM precache_bridge AS p WHERE p.cloud = b.cloud AND p.instance = b.instance);
