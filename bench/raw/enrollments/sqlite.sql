-- Everything that enrollments.api.enroll writes for new pairs, in one transaction: SQLite writes one table at a time.
INSERT INTO enrollments_enrollment
    (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at)
SELECT lower(hex(randomblob(16))), person.lms_user_id, run.value, %(mode)s, 1, %(customer_hex)s, %(moment)s, %(moment)s
FROM json_each(%(people)s) AS wanted
JOIN identity_user AS person ON person.lms_user_id = wanted.value
CROSS JOIN json_each(%(runs)s) AS run
WHERE true
ON CONFLICT (lms_user_id, run_key) DO NOTHING;

INSERT INTO enrollments_historicalenrollment
    (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at,
     history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at,
       %(moment)s, '+', %(by)s, NULL
FROM enrollments_enrollment
WHERE created_at = %(moment)s;

INSERT INTO outbox_event (uuid, type, key, facts, recorded_at, recorded_by)
SELECT lower(hex(randomblob(16))), 'enrollment.created', 'enrollments',
       json_group_array(json_object(
           'enrollment_uuid', substr(uuid, 1, 8) || '-' || substr(uuid, 9, 4) || '-' || substr(uuid, 13, 4)
               || '-' || substr(uuid, 17, 4) || '-' || substr(uuid, 21),
           'lms_user_id', lms_user_id,
           'username', username,
           'email', email_key,
           'run_key', run_key,
           'mode', mode,
           'is_active', json(iif(is_active, 'true', 'false')),
           'created_at', replace(created_at, ' ', 'T') || '+00:00',
           'customer_uuid', %(customer)s,
           'name', name,
           'run_title', %(title)s,
           'person_is_active', json(iif(person_is_active, 'true', 'false')))),
       %(moment)s, %(by)s
FROM (
    SELECT enrollment.*, person.username, person.email_key, person.name,
           person.is_active AS person_is_active, (row_number() OVER () - 1) / 1000 AS chunk
    FROM enrollments_enrollment AS enrollment
    JOIN identity_user AS person USING (lms_user_id)
    WHERE enrollment.created_at = %(moment)s
)
GROUP BY chunk;

INSERT INTO outbox_delivery
    (uuid, event_id, handler, key, state, attempt_count, next_attempt_at, last_error)
SELECT lower(hex(randomblob(16))), event.id, reaction.value, 'enrollments', 'waiting', 0, %(moment)s, ''
FROM outbox_event AS event CROSS JOIN json_each(%(handlers)s) AS reaction
WHERE event.recorded_at = %(moment)s
