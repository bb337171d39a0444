/* SPDX-License-Identifier: MIT
 *
 * rename.h - puts the fake in front of a back end.
 *
 * The build includes this header ahead of each file of the real back end, and
 * of no other file: there the calls that fake.c decorates get other names, and
 * fake.c defines the ones of os.h. So what the back end calls within itself
 * does not count, except for memory (allocator.h).
 */
#ifndef WEFTOS_FAKE_RENAME_H
#define WEFTOS_FAKE_RENAME_H

#define weftos_bell_adopt weftreal_bell_adopt
#define weftos_bell_open weftreal_bell_open
#define weftos_bell_ring weftreal_bell_ring
#define weftos_close weftreal_close
#define weftos_endpoint_accept weftreal_endpoint_accept
#define weftos_endpoint_close weftreal_endpoint_close
#define weftos_endpoint_connect weftreal_endpoint_connect
#define weftos_endpoint_forget weftreal_endpoint_forget
#define weftos_endpoint_numbers weftreal_endpoint_numbers
#define weftos_endpoint_open weftreal_endpoint_open
#define weftos_endpoint_wait weftreal_endpoint_wait
#define weftos_endpoint_watch weftreal_endpoint_watch
#define weftos_fence_remote weftreal_fence_remote
#define weftos_names_each weftreal_names_each
#define weftos_now_ns weftreal_now_ns
#define weftos_process_mark weftreal_process_mark
#define weftos_set_add weftreal_set_add
#define weftos_set_close weftreal_set_close
#define weftos_set_open weftreal_set_open
#define weftos_set_remove weftreal_set_remove
#define weftos_set_wait weftreal_set_wait
#define weftos_set_wake weftreal_set_wake
#define weftos_shm_attach weftreal_shm_attach
#define weftos_shm_create weftreal_shm_create
#define weftos_shm_open weftreal_shm_open
#define weftos_shm_unmap weftreal_shm_unmap
#define weftos_socket_adopt weftreal_socket_adopt
#define weftos_socket_pair weftreal_socket_pair
#define weftos_socket_recv weftreal_socket_recv
#define weftos_socket_send weftreal_socket_send
#define weftos_socket_wait weftreal_socket_wait
#define weftos_thread_start weftreal_thread_start
#define weftos_waiter_close weftreal_waiter_close
#define weftos_waiter_expose weftreal_waiter_expose
#define weftos_waiter_open weftreal_waiter_open
#define weftos_waiter_wait weftreal_waiter_wait
#define weftos_word_wait weftreal_word_wait
#define weftos_word_wake weftreal_word_wake

#endif
