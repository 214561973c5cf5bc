/* SPDX-License-Identifier: GPL-2.0 */
/* What a VMM says, made fit for a terminal: a guest may have taken its VMM over. */
#ifndef FERRY_VMM_CTL_PLAIN_H
#define FERRY_VMM_CTL_PLAIN_H

#include "../types.h"

/*
 * In place: a tab becomes a space, and each byte of a control character or of what is no UTF-8
 * a question mark; a line's end as well, unless there may be several @lines.
 */
void plain_text(char *text, size_t len, bool lines);

#endif /* FERRY_VMM_CTL_PLAIN_H */
