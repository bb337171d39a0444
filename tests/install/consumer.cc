/* SPDX-License-Identifier: MIT
 *
 * A user of an installed weft in C++: uses a macro and some calls of the
 * library, and prints the library's version.
 */
#include <weft/weft.h>

#include <iostream>
#include <string>

int main()
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status = weft_system_features(nullptr, 1, nullptr);
    weft_channel *channel = nullptr;

    weft_channel_close(&channel);
    if (options.size != sizeof(options) || status != WEFT_EINVAL ||
        std::string(weft_status_name(status)) != "WEFT_EINVAL") {
        std::cerr << "unexpected: " << weft_status_text(status) << '\n';
        return 1;
    }
    std::cout << weft_version() << '\n';
    return 0;
}
