-- Everything that licenses.api.assign writes for addresses without a license, with their mails, in one transaction.
UPDATE licenses_license
SET status = 'assigned', email = given.email, activation_key = lower(hex(randomblob(16))),
    assigned_at = %(moment)s, reminded_at = %(moment)s, modified_at = %(moment)s
FROM (
    SELECT free.uuid, wanted.value AS email
    FROM (
        SELECT uuid, row_number() OVER (ORDER BY email, uuid) - 1 AS place
        FROM licenses_license
        WHERE plan_id = %(plan_hex)s AND status = 'unassigned'
        ORDER BY email, uuid
        LIMIT %(count)s
    ) AS free
    JOIN json_each(%(emails)s) AS wanted ON wanted.key = free.place
) AS given
WHERE licenses_license.uuid = given.uuid;

INSERT INTO licenses_historicallicense
    (uuid, plan_id, status, email, lms_user_id, activation_key, assigned_at, activated_at, reminded_at, revoked_at,
     is_auto_applied, renewed_to_id, created_at, modified_at,
     history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, plan_id, status, email, lms_user_id, activation_key, assigned_at, activated_at, reminded_at, revoked_at,
     is_auto_applied, renewed_to_id, created_at, modified_at,
       %(moment)s, '~', %(by)s, 'assigned'
FROM json_each(%(emails)s) AS wanted
CROSS JOIN licenses_license ON email = wanted.value AND plan_id = %(plan_hex)s AND is_live = 1;

UPDATE licenses_plan
SET unassigned_count = unassigned_count - %(count)s, assigned_count = assigned_count + %(count)s
WHERE uuid = %(plan_hex)s;

INSERT INTO outbox_event (uuid, type, key, facts, recorded_at, recorded_by)
SELECT lower(hex(randomblob(16))), 'license.assigned', %(plan)s,
       json_group_array(json_object(
           'license_uuid', substr(uuid, 1, 8) || '-' || substr(uuid, 9, 4) || '-' || substr(uuid, 13, 4) || '-' || substr(uuid, 17, 4) || '-' || substr(uuid, 21),
           'plan_uuid', %(plan)s,
           'customer_uuid', %(customer)s,
           'email', email,
           'is_new', json('true'),
           'request_uuid', NULL,
           'approval_uuid', NULL)),
       %(moment)s, %(by)s
FROM json_each(%(emails)s) AS wanted
CROSS JOIN licenses_license ON email = wanted.value AND plan_id = %(plan_hex)s AND is_live = 1;

INSERT INTO outbox_delivery
    (uuid, event_id, handler, key, state, attempt_count, next_attempt_at, last_error)
SELECT lower(hex(randomblob(16))), event.id, reaction.value, %(plan)s, 'waiting', 0, %(moment)s, ''
FROM outbox_event AS event CROSS JOIN json_each(%(handlers)s) AS reaction
WHERE event.recorded_at = %(moment)s;

INSERT INTO notifications_message
    (uuid, template, customer_uuid, email, lms_user_id, about, context, state, attempt_count, next_attempt_at,
     last_error, subject, created_at, created_by, resent_count)
SELECT lower(hex(randomblob(16))), 'licenses/assigned', %(customer_hex)s, email, NULL,
       'license:' || substr(uuid, 1, 8) || '-' || substr(uuid, 9, 4) || '-' || substr(uuid, 13, 4) || '-' || substr(uuid, 17, 4) || '-' || substr(uuid, 21) || ':' || substr(activation_key, 1, 8) || '-' || substr(activation_key, 9, 4) || '-' || substr(activation_key, 13, 4) || '-' || substr(activation_key, 17, 4) || '-' || substr(activation_key, 21),
       json_patch(%(context)s, json_object('activation_key', substr(activation_key, 1, 8) || '-' || substr(activation_key, 9, 4) || '-' || substr(activation_key, 13, 4) || '-' || substr(activation_key, 17, 4) || '-' || substr(activation_key, 21))),
       'waiting', 0, %(moment)s, '', '', %(moment)s, %(by)s, 0
FROM json_each(%(emails)s) AS wanted
CROSS JOIN licenses_license ON email = wanted.value AND plan_id = %(plan_hex)s AND is_live = 1
WHERE true
ON CONFLICT (template, email, about) DO NOTHING
