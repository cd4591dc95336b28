-- Everything that licenses.api.assign writes for addresses without a license, with their mails, as one statement.
WITH people AS (
    SELECT email, gen_random_uuid() AS key, row_number() OVER () AS place
    FROM unnest(%(emails)s::text[]) AS wanted (email)
), seats AS (
    SELECT uuid, row_number() OVER () AS place
    FROM (
        SELECT uuid FROM licenses_license
        WHERE plan_id = %(plan)s::uuid AND status = 'unassigned'
        ORDER BY email, uuid
        LIMIT %(count)s
    ) AS free
), given AS (
    UPDATE licenses_license AS license
    SET status = 'assigned', email = people.email, activation_key = people.key, assigned_at = %(moment)s,
        reminded_at = %(moment)s, modified_at = %(moment)s
    FROM seats JOIN people USING (place)
    WHERE license.uuid = seats.uuid
    RETURNING license.*
), past AS (
    INSERT INTO licenses_historicallicense
    (uuid, plan_id, status, email, lms_user_id, activation_key, assigned_at, activated_at, reminded_at, revoked_at,
     is_auto_applied, renewed_to_id, created_at, modified_at,
     history_date, history_type, history_user_id, history_change_reason)
    SELECT uuid, plan_id, status, email, lms_user_id, activation_key, assigned_at, activated_at, reminded_at, revoked_at,
     is_auto_applied, renewed_to_id, created_at, modified_at,
           %(moment)s, '~', %(by)s, 'assigned'
    FROM given
), counted AS (
    UPDATE licenses_plan
    SET unassigned_count = unassigned_count - %(count)s, assigned_count = assigned_count + %(count)s
    WHERE uuid = %(plan)s::uuid
), recorded AS (
    INSERT INTO outbox_event (uuid, type, key, facts, recorded_at, recorded_by)
    SELECT gen_random_uuid(), 'license.assigned', %(plan)s,
           jsonb_agg(jsonb_build_object(
               'license_uuid', uuid,
               'plan_uuid', plan_id,
               'customer_uuid', %(customer)s::uuid,
               'email', email,
               'is_new', true,
               'request_uuid', NULL,
               'approval_uuid', NULL) ORDER BY email),
           %(moment)s, %(by)s
    FROM given
    RETURNING id
), delivered AS (
    INSERT INTO outbox_delivery
        (uuid, event_id, handler, key, state, attempt_count, next_attempt_at, last_error)
    SELECT gen_random_uuid(), id, handler, %(plan)s, 'waiting', 0, %(moment)s, ''
    FROM recorded CROSS JOIN unnest(%(handlers)s::text[]) AS reaction (handler)
)
INSERT INTO notifications_message
    (uuid, template, customer_uuid, email, lms_user_id, about, context, state, attempt_count, next_attempt_at,
     last_error, subject, created_at, created_by, resent_count)
SELECT gen_random_uuid(), 'licenses/assigned', %(customer)s::uuid, email, NULL,
       'license:' || uuid || ':' || activation_key,
       %(context)s::jsonb || jsonb_build_object('activation_key', activation_key),
       'waiting', 0, %(moment)s, '', '', %(moment)s, %(by)s, 0
FROM given
ON CONFLICT (template, email, about) DO NOTHING
