/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 20)
#define CLASS_FIRST 5 /* 32 bytes */

#if defined(__SANITIZE_ADDRESS__)
#define POOL_PLAIN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_PLAIN true
#endif
#endif
#ifndef POOL_PLAIN
#define POOL_PLAIN false
#endif

/* Before every piece; 16 bytes, so that pieces are aligned for any type. */
struct pool_head {
    size_t size;  /* asked for */
    size_t class; /* of size */
};

struct pool_piece {
    struct pool_piece *next;
};

struct pool_block {
    struct pool_block *next;
    size_t size;
    bool busy; /* handed out in this world */
    _Alignas(16) uint8_t bytes[];
};

static void *die(void)
{
    (void)fprintf(stderr, "the simulator has no memory left\n");
    abort();
}

static uint8_t *block_take(struct pool *pool, size_t size)
{
    for (struct pool_block *block = pool->blocks; block; block = block->next) {
        if (!block->busy && block->size >= size && (size > BLOCK || block->size == BLOCK)) {
            block->busy = true;
            return block->bytes;
        }
    }
    struct pool_block *block = malloc(sizeof *block + size);
    if (!block) {
        return die();
    }
    *block = (struct pool_block){.next = pool->blocks, .size = size, .busy = true};
    pool->blocks = block;
    return block->bytes;
}

static uint8_t *bump(struct pool *pool, size_t size)
{
    if (size > BLOCK / 4) {
        return block_take(pool, size < BLOCK ? BLOCK : size);
    }
    if (!pool->at || (size_t)(pool->end - pool->at) < size) {
        pool->at = block_take(pool, BLOCK);
        pool->end = pool->at + BLOCK;
    }
    uint8_t *piece = pool->at;
    pool->at += size;
    return piece;
}

static size_t class_of(size_t size)
{
    size_t class = CLASS_FIRST;
    while (((size_t)1 << class) < size) {
        class++;
    }
    return class;
}

static void *pool_alloc(void *owner, size_t size)
{
    struct pool *pool = owner;
    size_t whole = size + sizeof(struct pool_head);
    size_t class = class_of(whole);
    struct pool_head *head = NULL;
    if (POOL_PLAIN) {
        head = malloc(whole);
    } else if (pool->free[class]) {
        struct pool_piece *piece = pool->free[class];
        pool->free[class] = piece->next;
        head = (struct pool_head *)(void *)piece;
    } else {
        head = (struct pool_head *)(void *)bump(pool, (size_t)1 << class);
    }
    if (!head) {
        return die();
    }
    *head = (struct pool_head){.size = size, .class = class};
    pool->used += size;
    pool->peak = pool->used > pool->peak ? pool->used : pool->peak;
    return head + 1;
}

static void pool_release(void *owner, void *pointer)
{
    struct pool *pool = owner;
    if (!pointer) {
        return;
    }
    struct pool_head *head = (struct pool_head *)pointer - 1;
    pool->used -= head->size;
    if (POOL_PLAIN) {
        free(head);
        return;
    }
    size_t class = head->class;
    struct pool_piece *piece = (struct pool_piece *)(void *)head;
    piece->next = pool->free[class];
    pool->free[class] = piece;
}

struct memory pool_memory(struct pool *pool)
{
    return (struct memory){.alloc = pool_alloc, .release = pool_release, .owner = pool};
}

void pool_reset(struct pool *pool)
{
    for (struct pool_block *block = pool->blocks; block; block = block->next) {
        block->busy = false;
    }
    memset(pool->free, 0, sizeof pool->free);
    pool->at = pool->end = NULL;
    pool->used = pool->peak = 0;
}

void pool_free(struct pool *pool)
{
    while (pool->blocks) {
        struct pool_block *block = pool->blocks;
        pool->blocks = block->next;
        free(block);
    }
    *pool = (struct pool){.used = 0};
}
