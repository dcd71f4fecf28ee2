/* SPDX-License-Identifier: BSD-3-Clause */
/* The index of what protoc says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "proto/grpc/descriptors.h"

extern const unsigned char parcel_set[];
extern const size_t parcel_set_size;

static struct shoal_view whole_set(void)
{
    return shoal_view(parcel_set, parcel_set_size);
}

static void symbols_and_names_lead_to_the_file(void **state)
{
    (void)state;
    struct shoal__descriptors index;
    shoal__descriptors_init(&index);
    assert_int_equal(shoal__descriptors_add(&index, whole_set()), 0);
    assert_int_equal(shoal__descriptors_add(&index, whole_set()), 0); /* once more is no harm */
    struct shoal_view file = shoal__descriptors_file(&index, shoal_view_of("parcel.proto"));
    assert_non_null(file.data);
    static const char *const symbols[] = {"parcels.Parcel", "parcels.Parcel.inside", "parcels.Post",
                                          "parcels.Post.Chat"};
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
        assert_ptr_equal(shoal__descriptors_symbol(&index, shoal_view_of(symbols[i])).data,
                         file.data);
    static const char *const unknown[] = {
        "", "parcels", "Parcel", ".parcels.Parcel", "parcels.Parcel.", "parcels.parcel"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_null(shoal__descriptors_symbol(&index, shoal_view_of(unknown[i])).data);
    shoal__descriptors_fini(&index);
}

static void extensions_are_found_by_message_and_number(void **state)
{
    (void)state;
    /* file { name: "f" package: "p" extension { name: "e" extendee: ".p.M" number: 7 } } */
    static const struct shoal_view set =
        SHOAL_VIEW("\x0a\x13\x0a\x01\x66\x12\x01p\x3a\x0b\x0a\x01\x65\x12\x04.p.M\x18\x07");
    struct shoal__descriptors index;
    shoal__descriptors_init(&index);
    assert_int_equal(shoal__descriptors_add(&index, set), 0);
    struct shoal_view extended = shoal_view_of("p.M");
    int32_t numbers[2] = {0, 0};
    assert_int_equal(shoal__descriptors_numbers(&index, extended, numbers, 2), 1);
    assert_int_equal(numbers[0], 7);
    assert_non_null(shoal__descriptors_extension(&index, extended, 7).data);
    assert_null(shoal__descriptors_extension(&index, extended, 8).data);
    assert_non_null(shoal__descriptors_symbol(&index, shoal_view_of("p.e")).data);
    shoal__descriptors_fini(&index);
}

static void a_cut_set_is_refused_or_smaller_but_harmless(void **state)
{
    (void)state;
    for (size_t size = 1; size < parcel_set_size; size++) {
        struct shoal__descriptors index;
        shoal__descriptors_init(&index);
        assert_int_equal(shoal__descriptors_add(&index, shoal_view(parcel_set, size)),
                         -SHOAL_EINVAL);
        shoal__descriptors_fini(&index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_and_names_lead_to_the_file),
        cmocka_unit_test(extensions_are_found_by_message_and_number),
        cmocka_unit_test(a_cut_set_is_refused_or_smaller_but_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
