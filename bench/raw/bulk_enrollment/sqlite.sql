-- What customers.api.enroll_in_bulk writes for new pairs of accounts beside the enrollments, in one transaction
-- with these (../enrollments): first the links, then what pays.
INSERT INTO customers_learnerlink
    (uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at)
SELECT lower(hex(randomblob(16))), %(customer_hex)s, person.lms_user_id, 1, 1, 1, NULL, %(moment)s, %(moment)s
FROM json_each(%(people)s) AS wanted
JOIN identity_user AS person ON person.lms_user_id = wanted.value
WHERE true
ON CONFLICT (customer_id, lms_user_id) DO NOTHING;

INSERT INTO customers_historicallearnerlink
    (uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
FROM customers_learnerlink
WHERE created_at = %(moment)s;

INSERT INTO identity_roleassignment
    (uuid, lms_user_id, role, context, assigned_at)
SELECT lower(hex(randomblob(16))), lms_user_id, %(role)s, %(customer)s, %(moment)s
FROM customers_learnerlink
WHERE created_at = %(moment)s
ON CONFLICT (lms_user_id, role, context) DO NOTHING;

INSERT INTO identity_historicalroleassignment
    (uuid, lms_user_id, role, context, assigned_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, lms_user_id, role, context, assigned_at, %(moment)s, '+', %(by)s, NULL
FROM identity_roleassignment
WHERE assigned_at = %(moment)s;

-- enrollments
;

INSERT INTO customers_sponsoredenrollment
    (uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at)
SELECT lower(hex(randomblob(16))), link.uuid, run_key, %(source)s, 0, 0, NULL, %(moment)s, %(moment)s
FROM enrollments_enrollment AS enrollment
JOIN customers_learnerlink AS link
    ON link.customer_id = %(customer_hex)s AND link.lms_user_id = enrollment.lms_user_id
WHERE enrollment.created_at = %(moment)s
ON CONFLICT (link_id, run_key) DO NOTHING;

INSERT INTO customers_historicalsponsoredenrollment
    (uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
FROM customers_sponsoredenrollment
WHERE created_at = %(moment)s;

INSERT INTO customers_fulfillment
    (uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at)
SELECT lower(hex(randomblob(16))), sponsored.uuid, 'license', license.value, 0, %(moment)s, %(moment)s
FROM customers_sponsoredenrollment AS sponsored
JOIN customers_learnerlink AS link ON link.uuid = sponsored.link_id
JOIN json_each(%(licenses)s) AS license ON license.key = link.lms_user_id - %(first)s
WHERE sponsored.created_at = %(moment)s
ON CONFLICT (sponsored_enrollment_id, kind, subsidy_uuid) DO NOTHING;

INSERT INTO customers_historicalfulfillment
    (uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
FROM customers_fulfillment
WHERE created_at = %(moment)s;

INSERT INTO outbox_event (uuid, type, key, facts, recorded_at, recorded_by)
SELECT lower(hex(randomblob(16))), 'customer.learner_enrolled', %(customer)s,
       json_group_array(json_object(
           'customer_uuid', %(customer)s,
           'lms_user_id', lms_user_id,
           'run_key', run_key,
           'mode', %(mode)s,
           'fulfillment_uuid', substr(uuid, 1, 8) || '-' || substr(uuid, 9, 4) || '-' || substr(uuid, 13, 4)
               || '-' || substr(uuid, 17, 4) || '-' || substr(uuid, 21),
           'is_new', json('true'),
           'username', username,
           'email', email_key,
           'subsidy_kind', kind,
           'subsidy_uuid', substr(subsidy_uuid, 1, 8) || '-' || substr(subsidy_uuid, 9, 4) || '-' || substr(subsidy_uuid, 13, 4)
               || '-' || substr(subsidy_uuid, 17, 4) || '-' || substr(subsidy_uuid, 21),
           'discount_percent', %(discount)s,
           'is_default_auto_enrollment', json('false'))),
       %(moment)s, %(by)s
FROM (
    SELECT fulfillment.*, sponsored.run_key, person.lms_user_id, person.username, person.email_key,
           (row_number() OVER () - 1) / 1000 AS chunk
    FROM customers_fulfillment AS fulfillment
    JOIN customers_sponsoredenrollment AS sponsored ON sponsored.uuid = fulfillment.sponsored_enrollment_id
    JOIN customers_learnerlink AS link ON link.uuid = sponsored.link_id
    JOIN identity_user AS person ON person.lms_user_id = link.lms_user_id
    WHERE fulfillment.created_at = %(moment)s
)
GROUP BY chunk
