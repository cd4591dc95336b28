-- Everything that customers.api.enroll_in_bulk writes for new pairs of accounts, as one statement.
WITH people AS (
    SELECT lms_user_id, username, email_key, name, identity_user.is_active AS person_is_active, license
    FROM unnest(%(emails)s::text[], %(licenses)s::uuid[]) AS wanted (email_key, license)
    JOIN identity_user USING (email_key)
), linked AS (
    INSERT INTO customers_learnerlink
        (uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at)
    SELECT gen_random_uuid(), %(customer)s::uuid, lms_user_id, true, true, true, NULL::uuid, %(moment)s, %(moment)s
    FROM people
    ON CONFLICT (customer_id, lms_user_id) DO NOTHING
    RETURNING uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at
), linked_history AS (
    INSERT INTO customers_historicallearnerlink
        (uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
    FROM linked
), given AS (
    INSERT INTO identity_roleassignment
        (uuid, lms_user_id, role, context, assigned_at)
    SELECT gen_random_uuid(), lms_user_id, %(role)s, %(customer)s, %(moment)s
    FROM linked
    ON CONFLICT (lms_user_id, role, context) DO NOTHING
    RETURNING uuid, lms_user_id, role, context, assigned_at
), given_history AS (
    INSERT INTO identity_historicalroleassignment
        (uuid, lms_user_id, role, context, assigned_at, history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, lms_user_id, role, context, assigned_at, %(moment)s, '+', %(by)s, NULL
    FROM given
), enrolled AS (
    INSERT INTO enrollments_enrollment
        (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at)
    SELECT gen_random_uuid(), lms_user_id, run_key, %(mode)s, true, %(customer)s::uuid, %(moment)s, %(moment)s
    FROM people CROSS JOIN unnest(%(runs)s::text[]) AS run (run_key)
    ON CONFLICT (lms_user_id, run_key) DO NOTHING
    RETURNING uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at
), enrolled_history AS (
    INSERT INTO enrollments_historicalenrollment
        (uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, lms_user_id, run_key, mode, is_active, customer_uuid, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
    FROM enrolled
), sponsored AS (
    INSERT INTO customers_sponsoredenrollment
        (uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at)
    SELECT gen_random_uuid(), linked.uuid, run_key, %(source)s, false, false, NULL::timestamptz, %(moment)s, %(moment)s
    FROM enrolled JOIN linked USING (lms_user_id)
    ON CONFLICT (link_id, run_key) DO NOTHING
    RETURNING uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at
), sponsored_history AS (
    INSERT INTO customers_historicalsponsoredenrollment
        (uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
    FROM sponsored
), fulfilled AS (
    INSERT INTO customers_fulfillment
        (uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at)
    SELECT gen_random_uuid(), sponsored.uuid, 'license', license, false, %(moment)s, %(moment)s
    FROM sponsored JOIN linked ON linked.uuid = link_id JOIN people USING (lms_user_id)
    ON CONFLICT (sponsored_enrollment_id, kind, subsidy_uuid) DO NOTHING
    RETURNING uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at
), fulfilled_history AS (
    INSERT INTO customers_historicalfulfillment
        (uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
    FROM fulfilled
), enrolled_facts AS (
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
    FROM enrolled_facts
    GROUP BY chunk
    RETURNING id
), delivered AS (
    INSERT INTO outbox_delivery
        (uuid, event_id, handler, key, state, attempt_count, next_attempt_at, last_error)
    SELECT gen_random_uuid(), id, handler, 'enrollments', 'waiting', 0, %(moment)s, ''
    FROM recorded CROSS JOIN unnest(%(handlers)s::text[]) AS reaction (handler)
), sponsored_facts AS (
    SELECT (row_number() OVER () - 1) / 1000 AS chunk,
           jsonb_build_object(
               'customer_uuid', %(customer)s::uuid,
               'lms_user_id', lms_user_id,
               'run_key', run_key,
               'mode', %(mode)s::text,
               'fulfillment_uuid', fulfilled.uuid,
               'is_new', true,
               'username', username,
               'email', email_key,
               'subsidy_kind', kind,
               'subsidy_uuid', subsidy_uuid,
               'discount_percent', %(discount)s::float,
               'is_default_auto_enrollment', false) AS fact
    FROM fulfilled
    JOIN sponsored ON sponsored.uuid = sponsored_enrollment_id
    JOIN linked ON linked.uuid = link_id
    JOIN people USING (lms_user_id)
    ORDER BY chunk
)
INSERT INTO outbox_event (uuid, type, key, facts, recorded_at, recorded_by)
SELECT gen_random_uuid(), 'customer.learner_enrolled', %(customer)s, jsonb_agg(fact), %(moment)s, %(by)s
FROM sponsored_facts
GROUP BY chunk
