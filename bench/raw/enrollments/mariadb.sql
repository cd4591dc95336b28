-- Everything that enrollments.api.enroll writes for new pairs, in one transaction: MariaDB writes one table at a time.
INSERT IGNORE INTO enrollments_enrollment
    (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), person.lms_user_id, run.run_key, %(mode)s, true, %(customer)s, %(moment)s, %(moment)s
FROM JSON_TABLE(%(people)s, '$[*]' COLUMNS (lms_user_id BIGINT PATH '$')) AS wanted
STRAIGHT_JOIN identity_user AS person ON person.lms_user_id = wanted.lms_user_id
STRAIGHT_JOIN JSON_TABLE(%(runs)s, '$[*]' COLUMNS (run_key VARCHAR(255) PATH '$')) AS run;

INSERT INTO enrollments_historicalenrollment
    (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at,
     history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at,
       %(moment)s, '+', %(by)s, NULL
FROM enrollments_enrollment
WHERE created_at = %(moment)s;

INSERT INTO outbox_event (uuid, type, `key`, facts, recorded_at, recorded_by)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), 'enrollment.created', 'enrollments',
       CONCAT('[', GROUP_CONCAT(JSON_OBJECT(
           'enrollment_uuid', CAST(uuid AS CHAR),
           'lms_user_id', lms_user_id,
           'username', username,
           'email', email_key,
           'run_key', run_key,
           'mode', mode,
           'is_active', is_active = 1,
           'created_at', CONCAT(REPLACE(created_at, ' ', 'T'), '+00:00'),
           'customer_uuid', CAST(customer_uuid AS CHAR),
           'name', name,
           'run_title', %(title)s,
           'person_is_active', person_is_active = 1)), ']'),
       %(moment)s, %(by)s
FROM (
    SELECT enrollment.*, person.username, person.email_key, person.name,
           person.is_active AS person_is_active, (ROW_NUMBER() OVER () - 1) DIV 1000 AS chunk
    FROM enrollments_enrollment AS enrollment
    STRAIGHT_JOIN identity_user AS person ON person.lms_user_id = enrollment.lms_user_id
    WHERE enrollment.created_at = %(moment)s
) AS numbered
GROUP BY chunk;

INSERT INTO outbox_delivery
    (uuid, event_id, handler, `key`, state, attempt_count, next_attempt_at, last_error)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), event.id, reaction.handler, 'enrollments', 'waiting', 0, %(moment)s, ''
FROM outbox_event AS event
STRAIGHT_JOIN JSON_TABLE(%(handlers)s, '$[*]' COLUMNS (handler VARCHAR(100) PATH '$')) AS reaction
WHERE event.recorded_at = %(moment)s
