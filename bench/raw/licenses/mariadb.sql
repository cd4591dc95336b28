-- Everything that licenses.api.assign writes for addresses without a license, with their mails, in one transaction.
UPDATE JSON_TABLE(%(emails)s, '$[*]' COLUMNS (place FOR ORDINALITY, email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS wanted
STRAIGHT_JOIN (
    SELECT uuid, row_number() OVER (ORDER BY email, uuid) AS place
    FROM (
        SELECT uuid, email FROM licenses_license
        WHERE plan_id = %(plan)s AND status = 'unassigned'
        ORDER BY email, uuid
        LIMIT %(count)s
    ) AS free
) AS seat ON seat.place = wanted.place
STRAIGHT_JOIN licenses_license AS license ON license.uuid = seat.uuid
SET license.status = 'assigned', license.email = wanted.email,
    license.activation_key = CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID),
    license.assigned_at = %(moment)s, license.reminded_at = %(moment)s, license.modified_at = %(moment)s;

INSERT INTO licenses_historicallicense
    (uuid, plan_id, status, email, lms_user_id, activation_key, assigned_at, activated_at, reminded_at, revoked_at,
     is_auto_applied, renewed_to_id, created_at, modified_at,
     history_date, history_type, history_user_id, history_change_reason)
SELECT license.uuid, license.plan_id, license.status, license.email, license.lms_user_id,
       license.activation_key, license.assigned_at, license.activated_at, license.reminded_at,
       license.revoked_at, license.is_auto_applied, license.renewed_to_id, license.created_at,
       license.modified_at,
       %(moment)s, '~', %(by)s, 'assigned'
FROM JSON_TABLE(%(emails)s, '$[*]' COLUMNS (place FOR ORDINALITY, email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS wanted
STRAIGHT_JOIN licenses_license AS license
    ON license.email = wanted.email AND license.plan_id = %(plan)s AND license.is_live = 1;

UPDATE licenses_plan
SET unassigned_count = unassigned_count - %(count)s, assigned_count = assigned_count + %(count)s
WHERE uuid = %(plan)s;

INSERT INTO outbox_event (uuid, type, `key`, facts, recorded_at, recorded_by)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), 'license.assigned', %(plan)s,
       JSON_ARRAYAGG(JSON_OBJECT(
           'license_uuid', license.uuid,
           'plan_uuid', license.plan_id,
           'customer_uuid', %(customer)s,
           'email', license.email,
           'is_new', license.status = 'assigned',
           'request_uuid', NULL,
           'approval_uuid', NULL)),
       %(moment)s, %(by)s
FROM JSON_TABLE(%(emails)s, '$[*]' COLUMNS (place FOR ORDINALITY, email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS wanted
STRAIGHT_JOIN licenses_license AS license
    ON license.email = wanted.email AND license.plan_id = %(plan)s AND license.is_live = 1;

INSERT INTO outbox_delivery
    (uuid, event_id, handler, `key`, state, attempt_count, next_attempt_at, last_error)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), event.id, reaction.handler,
       %(plan)s, 'waiting', 0, %(moment)s, ''
FROM outbox_event AS event
CROSS JOIN JSON_TABLE(%(handlers)s, '$[*]' COLUMNS (handler VARCHAR(100) PATH '$')) AS reaction
WHERE event.recorded_at = %(moment)s;

INSERT IGNORE INTO notifications_message
    (uuid, template, customer_uuid, email, lms_user_id, about, context, state, attempt_count, next_attempt_at,
     last_error, subject, created_at, created_by, resent_count)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), 'licenses/assigned',
       %(customer)s, license.email, NULL, CONCAT('license:', license.uuid, ':', license.activation_key),
       JSON_MERGE_PATCH(%(context)s, JSON_OBJECT('activation_key', license.activation_key)),
       'waiting', 0, %(moment)s, '', '', %(moment)s, %(by)s, 0
FROM JSON_TABLE(%(emails)s, '$[*]' COLUMNS (place FOR ORDINALITY, email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS wanted
STRAIGHT_JOIN licenses_license AS license
    ON license.email = wanted.email AND license.plan_id = %(plan)s AND license.is_live = 1
