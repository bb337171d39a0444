/* SPDX-License-Identifier: MIT
 *
 * A program that measures one other library, with the options, the loops, the
 * check and the output of `weft bench`.
 */
#include "sys.h"
#include "tool.h"

int main(int argc, char **argv)
{
    sys_start(argc, argv);
    return cmd_bench(argc, argv);
}
