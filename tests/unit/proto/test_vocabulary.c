/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: proto_schema */
#include "tests/unit/proto/testing.h"

#include "proto/limits.h"
#include "proto/vocabulary.h"
#include "schema/body.pb-c.h"
#include "schema/header.pb-c.h"

static void registers_ascend_and_are_found_by_number_and_name(void **state)
{
    (void)state;
    size_t count;
    const struct register_info *table = register_table(&count);
    assert_int_equal(count, 33);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || table[i - 1].number < table[i].number);
        assert_ptr_equal(register_info(table[i].number), &table[i]);
        assert_ptr_equal(register_by_name(table[i].name), &table[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(table[i].name, table[j].name);
        }
    }
    for (uint32_t number = 0; number < 300; number++) {
        const struct register_info *info = register_info(number);
        assert_true(info == NULL || info->number == number);
    }
    assert_null(register_info(0));
    assert_null(register_info(LIMIT_REGISTER_NUMBER));
    assert_null(register_info(UINT32_MAX));
    assert_null(register_by_name("judul"));
    assert_null(register_by_name(""));
    assert_null(register_by_name("titl"));
    assert_null(register_by_name("titles"));
}

static void only_the_hub_routes_and_joins_and_parts_have_registers_of_their_own(void **state)
{
    (void)state;
    size_t count;
    const struct register_info *table = register_table(&count);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = table[i].number;
        assert_int_equal(table[i].hub_only, number == REG_ROUTE || number == REG_SAME_AS);
        assert_int_equal(table[i].of_part, number >= REG_NOTE_TEXT && number <= REG_ATTACH_HIDDEN);
    }
}

static void people_are_asked_as_the_merge_page_says(void **state)
{
    (void)state;
    assert_int_equal(register_info(REG_STATUS)->person, PERSON_PATH);
    assert_int_equal(register_info(REG_TEXT)->person, PERSON_ALWAYS);
    assert_int_equal(register_info(REG_REPORTER)->person, PERSON_ALWAYS);
    assert_int_equal(register_info(REG_PRESENCE)->person, PERSON_ALWAYS);
    assert_int_equal(register_info(REG_TITLE)->person, PERSON_INFORMS);
    assert_int_equal(register_info(REG_REFS)->person, PERSON_NEVER);
    assert_int_equal(register_info(REG_ASSIGN)->show, SHOW_REGENCY_FIRST);
    assert_int_equal(register_info(REG_CLASS)->show, SHOW_HUB_FIRST);
    assert_int_equal(register_info(REG_CONFIDENTIAL)->show, SHOW_STRICT);
    assert_int_equal(register_info(REG_ANONYMOUS)->show, SHOW_STRICT);
    assert_int_equal(register_info(REG_NOTE_INTERNAL)->show, SHOW_TIME);
    assert_int_equal(register_info(REG_REFS)->show, SHOW_UNION);
}

static void the_number_carries_the_class(void **state)
{
    (void)state;
    assert_int_equal(register_class(1), CLASS_PUBLIC);
    assert_int_equal(register_class(63), CLASS_PUBLIC);
    assert_int_equal(register_class(64), CLASS_RESTRICTED);
    assert_int_equal(register_class(127), CLASS_RESTRICTED);
    assert_int_equal(register_class(128), CLASS_SEALED);
    assert_int_equal(register_class(LIMIT_REGISTER_NUMBER), CLASS_SEALED);
    assert_int_equal(register_class(REG_REPORTER), CLASS_SEALED);
    assert_int_equal(register_class(REG_NOTE_TEXT), CLASS_RESTRICTED);
}

/* The published schema names the same numbers: "KIND_REG_HUB" is reg_hub. */
static void assert_named_as_in_schema(const ProtobufCEnumDescriptor *schema, const char *prefix,
                                      const char *(*name_of)(uint32_t number))
{
    for (unsigned i = 0; i < schema->n_values; i++) {
        const char *name = name_of((uint32_t)schema->values[i].value);
        const char *wanted = schema->values[i].name + strlen(prefix);
        assert_int_equal(strlen(name), strlen(wanted));
        for (size_t at = 0; name[at]; at++) {
            char upper = name[at] >= 'a' && name[at] <= 'z' ? (char)(name[at] - 'a' + 'A') : name[at];
            assert_int_equal(upper, wanted[at]);
        }
    }
}

static const char *kind_word(uint32_t number)
{
    const struct kind_info *info = kind_info(number);
    return info ? info->name : "none";
}
static const char *role_word(uint32_t number)
{
    return role_name((enum role)number);
}

static void kinds_and_roles_have_the_numbers_of_the_published_schema(void **state)
{
    (void)state;
    assert_named_as_in_schema(&simpul__kind__descriptor, "KIND_", kind_word);
    assert_named_as_in_schema(&simpul__role__descriptor, "ROLE_", role_word);
    assert_int_equal(simpul__role__descriptor.n_values, ROLE_COUNT);
    size_t known = 0;
    for (uint32_t number = 0; number < 1000; number++) {
        const struct kind_info *info = kind_info(number);
        known += info != NULL;
        assert_true(info == NULL || (uint32_t)info->kind == number);
    }
    assert_int_equal(known + 1, simpul__kind__descriptor.n_values); /* NONE has no row */
    assert_int_equal(simpul__complaint_status__descriptor.n_values, COMPLAINT_STATUS_COUNT);
    assert_int_equal(simpul__classification__descriptor.n_values, CLASSIFICATION_COUNT);
}

static void words_lead_back_to_their_numbers(void **state)
{
    (void)state;
    for (unsigned i = 1; i < COMPLAINT_STATUS_COUNT; i++) {
        enum complaint_status s = (enum complaint_status)i;
        assert_int_equal(complaint_status_by_name(complaint_status_name(s)), s);
    }
    for (unsigned i = 1; i < CLASSIFICATION_COUNT; i++) {
        enum classification c = (enum classification)i;
        assert_int_equal(classification_by_name(classification_name(c)), c);
    }
    for (unsigned i = 1; i < CHANNEL_COUNT; i++) {
        enum channel c = (enum channel)i;
        assert_int_equal(channel_by_name(channel_name(c)), c);
    }
    assert_int_equal(complaint_status_by_name("baru"), COMPLAINT_NONE);
    assert_int_equal(classification_by_name(""), CLASSIFICATION_NONE);
    assert_int_equal(channel_by_name("none"), CHANNEL_NONE);
    assert_string_equal(channel_name((enum channel)99), "?");
    assert_string_equal(role_name((enum role)ROLE_COUNT), "?");
    assert_string_equal(complaint_status_name((enum complaint_status)-1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_ascend_and_are_found_by_number_and_name),
        cmocka_unit_test(only_the_hub_routes_and_joins_and_parts_have_registers_of_their_own),
        cmocka_unit_test(people_are_asked_as_the_merge_page_says),
        cmocka_unit_test(the_number_carries_the_class),
        cmocka_unit_test(kinds_and_roles_have_the_numbers_of_the_published_schema),
        cmocka_unit_test(words_lead_back_to_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
