/* SPDX-License-Identifier: MIT
 *
 * The version that is loaded, and the list of features.
 */
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#include "check.h"

#define ROOM 64

static weft_feature features[ROOM];

static void test_version(void)
{
    char expected[40];

    check_case("the header's three numbers and the library's text agree");
    (void)snprintf(expected, sizeof(expected), "%d.%d.%d", WEFT_VERSION_MAJOR,
                   WEFT_VERSION_MINOR, WEFT_VERSION_PATCH);
    CHECK(strcmp(weft_version(), expected) == 0);
    CHECK(strcmp(WEFT_VERSION_STRING, expected) == 0);
}

static void test_features(void)
{
    size_t count = 0;
    size_t again = 0;

    check_case("wrong arguments are refused");
    CHECK_STATUS(weft_system_features(features, ROOM, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_system_features(NULL, 1, &count), WEFT_EINVAL);

    check_case("the number of features can be asked for alone");
    CHECK_STATUS(weft_system_features(NULL, 0, &count), WEFT_OK);
    CHECK(count > 0 && count <= ROOM);

    check_case("every feature is described");
    CHECK_STATUS(weft_system_features(features, ROOM, &again), WEFT_OK);
    CHECK(again == count);
    for (size_t i = 0; i < again && i < ROOM; i++) {
        const weft_feature *feature = &features[i];

        CHECK(feature->name != NULL && feature->name[0] != '\0');
        CHECK(feature->use != NULL && feature->use[0] != '\0');
        CHECK(feature->state >= WEFT_FEATURE_USED);
        CHECK(feature->state <= WEFT_FEATURE_ABSENT);
        CHECK(memchr(feature->note, '\0', sizeof(feature->note)) != NULL);
        CHECK(feature->state != WEFT_FEATURE_ABSENT || feature->note[0]);
    }

    check_case("no more is written than there is room for");
    memset(features, 0, sizeof(features));
    CHECK_STATUS(weft_system_features(features, 1, &again), WEFT_OK);
    CHECK(again == count && features[0].name != NULL);
    CHECK(features[1].name == NULL);
}

void test_main(void)
{
    test_version();
    test_features();
}
