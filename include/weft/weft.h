/* SPDX-License-Identifier: MIT
 *
 * weft/weft.h - everything weft has, in one include.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/base.h>
#include <weft/channel.h>
#include <weft/gpu.h>
#include <weft/inspect.h>
#include <weft/memory.h>
#include <weft/poll.h>
#include <weft/process.h>
#include <weft/protect.h>
#include <weft/reclaim.h>
#include <weft/service.h>
#include <weft/state.h>
#include <weft/sync.h>
#include <weft/system.h>
#include <weft/topic.h>
#include <weft/tree.h>
#include <weft/trim.h>
#include <weft/version.h>

#endif
