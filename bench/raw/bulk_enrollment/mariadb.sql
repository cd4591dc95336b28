-- What customers.api.enroll_in_bulk writes for new pairs of accounts beside the enrollments, in one transaction
-- with these (../enrollments): first the links, then what pays.
INSERT IGNORE INTO customers_learnerlink
    (uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), %(customer)s, person.lms_user_id, 1, 1, 1, NULL, %(moment)s, %(moment)s
FROM JSON_TABLE(%(people)s, '$[*]' COLUMNS (lms_user_id BIGINT PATH '$')) AS wanted
STRAIGHT_JOIN identity_user AS person ON person.lms_user_id = wanted.lms_user_id;

INSERT INTO customers_historicallearnerlink
    (uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, customer_id, lms_user_id, is_linked, is_relinkable, is_active, invite_key_uuid, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
FROM customers_learnerlink
WHERE created_at = %(moment)s;

INSERT IGNORE INTO identity_roleassignment
    (uuid, lms_user_id, role, context, assigned_at)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), lms_user_id, %(role)s, %(customer)s, %(moment)s
FROM customers_learnerlink
WHERE created_at = %(moment)s;

INSERT INTO identity_historicalroleassignment
    (uuid, lms_user_id, role, context, assigned_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, lms_user_id, role, context, assigned_at, %(moment)s, '+', %(by)s, NULL
FROM identity_roleassignment
WHERE assigned_at = %(moment)s;

-- enrollments
;

INSERT IGNORE INTO customers_sponsoredenrollment
    (uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), link.uuid, run_key, %(source)s, 0, 0, NULL, %(moment)s, %(moment)s
FROM enrollments_enrollment AS enrollment
STRAIGHT_JOIN customers_learnerlink AS link
    ON link.customer_id = %(customer)s AND link.lms_user_id = enrollment.lms_user_id
WHERE enrollment.created_at = %(moment)s;

INSERT INTO customers_historicalsponsoredenrollment
    (uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, link_id, run_key, source, is_saved_for_later, is_unenrolled, unenrolled_at, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
FROM customers_sponsoredenrollment
WHERE created_at = %(moment)s;

INSERT IGNORE INTO customers_fulfillment
    (uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), sponsored.uuid, 'license', license.value, 0, %(moment)s, %(moment)s
FROM customers_sponsoredenrollment AS sponsored
JOIN customers_learnerlink AS link ON link.uuid = sponsored.link_id
JOIN JSON_TABLE(%(licenses)s, '$[*]' COLUMNS (number FOR ORDINALITY, value CHAR(36) PATH '$')) AS license
    ON license.number = link.lms_user_id - %(first)s + 1
WHERE sponsored.created_at = %(moment)s;

INSERT INTO customers_historicalfulfillment
    (uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at, history_date, history_type, history_user_id, history_change_reason)
SELECT uuid, sponsored_enrollment_id, kind, subsidy_uuid, is_revoked, created_at, modified_at, %(moment)s, '+', %(by)s, NULL
FROM customers_fulfillment
WHERE created_at = %(moment)s;

INSERT INTO outbox_event (uuid, type, `key`, facts, recorded_at, recorded_by)
SELECT CAST(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8') AS UUID), 'customer.learner_enrolled', %(customer)s,
       CONCAT('[', GROUP_CONCAT(JSON_OBJECT(
           'customer_uuid', %(customer)s,
           'lms_user_id', lms_user_id,
           'run_key', run_key,
           'mode', %(mode)s,
           'fulfillment_uuid', CAST(uuid AS CHAR),
           'is_new', 1 = 1,
           'username', username,
           'email', email_key,
           'subsidy_kind', kind,
           'subsidy_uuid', CAST(subsidy_uuid AS CHAR),
           'discount_percent', %(discount)s,
           'is_default_auto_enrollment', 1 = 0)), ']'),
       %(moment)s, %(by)s
FROM (
    SELECT fulfillment.*, sponsored.run_key, person.lms_user_id, person.username, person.email_key,
           (ROW_NUMBER() OVER () - 1) DIV 1000 AS chunk
    FROM customers_fulfillment AS fulfillment
    STRAIGHT_JOIN customers_sponsoredenrollment AS sponsored ON sponsored.uuid = fulfillment.sponsored_enrollment_id
    STRAIGHT_JOIN customers_learnerlink AS link ON link.uuid = sponsored.link_id
    STRAIGHT_JOIN identity_user AS person ON person.lms_user_id = link.lms_user_id
    WHERE fulfillment.created_at = %(moment)s
) AS numbered
GROUP BY chunk
