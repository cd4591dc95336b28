-- Everything that enrollments.api.enroll writes for new pairs, as one statement.
WITH people AS (
    SELECT lms_user_id, username, email_key, name, identity_user.is_active AS person_is_active
    FROM unnest(%(people)s::bigint[]) AS wanted (lms_user_id)
    JOIN identity_user USING (lms_user_id)
), enrolled AS (
    INSERT INTO enrollments_enrollment
        (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at)
    SELECT gen_random_uuid(), lms_user_id, run_key, %(mode)s, true, %(customer)s::uuid, %(moment)s, %(moment)s
    FROM people CROSS JOIN unnest(%(runs)s::text[]) AS run (run_key)
    ON CONFLICT (lms_user_id, run_key) DO NOTHING
    RETURNING uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at
), remembered AS (
    INSERT INTO enrollments_historicalenrollment
        (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at,
         history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at,
           %(moment)s, '+', %(by)s, NULL
    FROM enrolled
), facts AS (
    SELECT (row_number() OVER () - 1) / 1000 AS chunk,
           jsonb_build_object(
               'enrollment_uuid', uuid,
               'lms_user_id', lms_user_id,
               'username', username,
               'email', email_key,
               'run_key', run_key,
               'mode', mode,
               'is_active', is_active,
               'created_at', created_at,
               'customer_uuid', customer_uuid,
               'name', name,
               'run_title', %(title)s::text,
               'person_is_active', person_is_active) AS fact
    FROM enrolled JOIN people USING (lms_user_id)
    ORDER BY chunk  -- so that the groups need no hash table
), recorded AS (
    INSERT INTO outbox_event (uuid, type, key, facts, recorded_at, recorded_by)
    SELECT gen_random_uuid(), 'enrollment.created', 'enrollments', jsonb_agg(fact), %(moment)s, %(by)s
    FROM facts
    GROUP BY chunk
    RETURNING id
)
INSERT INTO outbox_delivery
    (uuid, event_id, handler, key, state, attempt_count, next_attempt_at, last_error)
SELECT gen_random_uuid(), id, handler, 'enrollments', 'waiting', 0, %(moment)s, ''
FROM recorded CROSS JOIN unnest(%(handlers)s::text[]) AS reaction (handler)
