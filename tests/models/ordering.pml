/* The order of one unit's log: commit races, lost requests and answers, crashes on either side.
 *
 * Every client has one message to deliver and one commit to make. Its durable state changes in one
 * step with what the step decided (save, then send), so a crash loses nothing but where it was: it is
 * the same as a request or an answer that is lost, which may happen at each. The server accepts at the head epoch only, by an idempotency key that is looked up first, and answers
 * when the entry is durable. protocol.md, sections 8 and 15.
 *
 * What must hold, whatever happens in which order:
 *   one commit an epoch                       (server: the epoch of each accepted commit)
 *   an accepted message is there once         (server: no second one of the same client)
 *   an acknowledged message is never lost     (acknowledged => in the durable log)
 *   a client's epoch is what it has applied   (own commits only from the log)
 *   nothing waits for ever                    (no invalid end state)
 *
 * Each of these defines takes a rule out; the model MUST fail then:
 *   MERGE_EARLY    an own commit is applied when it is sent
 *   NO_CAS         the server does not compare epochs
 *   NEW_KEY        the same bytes are sent again under another key
 *   UNSEAL_EARLY   after a lost answer the message is encrypted anew without looking at the log
 *   NOTIFY_EARLY   the server answers before the entry is durable
 */

#define CLIENTS 2
#define MAXLOG 8
#ifndef MOST_SEALS
#define MOST_SEALS 2            /* how often a message is encrypted */
#endif
#ifndef MOST_COMMITS
#define MOST_COMMITS 1          /* how often a client prepares a commit */
#endif
#define MOST_CRASHES 1          /* of the server */

hidden byte i, n, c;            /* for loops inside one step: no part of a state */

#define MESSAGE 1
#define COMMIT 2

/* the log: durable up to `durable`, entered up to `entered` */
byte kind_of[MAXLOG];
byte by_of[MAXLOG];
byte key_of[MAXLOG];
byte entered = 0;
byte durable = 0;
byte epoch = 0;                 /* the server's, of what is entered */
byte server_crashes = 0;

/* what is durable at the clients */
byte applied[CLIENTS];
byte epoch_at[CLIENTS];
byte sealed_key[CLIENTS];       /* 0: waiting */
byte sealed_epoch[CLIENTS];
byte seals[CLIENTS];
bool confirmed[CLIENTS];
byte pending_key[CLIENTS];      /* 0: none */
byte pending_epoch[CLIENTS];
byte commits_made[CLIENTS];
bool rotated[CLIENTS];

/* for the properties only */
bool acknowledged[CLIENTS];

#define OK 1
#define WRONG_EPOCH 2

/* n = how many commits are among the first `upto` entries */
inline count_commits(upto) {
    n = 0; i = 0;
    do
    :: i < upto -> if :: kind_of[i] == COMMIT -> n++ :: else fi; i++
    :: else -> break
    od
}

/* The server's decision: one transaction. */
inline accept(kind, who, key, at, outcome) {
    atomic {
        outcome = 0; i = 0;
        do
        :: i < entered ->
            if
            :: kind_of[i] == kind && by_of[i] == who && key_of[i] == key -> outcome = OK; place = i; break
            :: else -> i++
            fi
        :: else -> break
        od;
        if
        :: outcome == OK -> skip
#ifdef NO_CAS
        :: outcome != OK && entered < MAXLOG ->
#else
        :: outcome != OK && at != epoch -> outcome = WRONG_EPOCH
        :: outcome != OK && at == epoch && entered < MAXLOG ->
#endif
            if
            :: kind == MESSAGE ->
                i = 0;
                do
                :: i < entered ->
                    assert(!(kind_of[i] == MESSAGE && by_of[i] == who)); /* there once */
                    i++
                :: else -> break
                od
            :: else ->
                count_commits(entered);
                assert(at == n)          /* one commit an epoch */
            fi;
            kind_of[entered] = kind; by_of[entered] = who; key_of[entered] = key;
            place = entered;
            entered++;
            if :: kind == COMMIT -> epoch++ :: else fi;
            outcome = OK
        fi;
        i = 0; n = 0
    }
}

/* What was entered is answered once it is durable, or never: the answer is lost, or the server fails. */
inline answered(who, key) {
    if
#ifndef NOTIFY_EARLY
    :: outcome == OK && durable > place && by_of[place] == who && key_of[place] == key -> skip
#else
    :: outcome == OK -> skip
#endif
    :: outcome == WRONG_EPOCH -> skip
    :: outcome = 0                               /* lost */
    fi
}

/* The server fails: what was entered and is not durable is gone; its memory is read again. */
active proctype Power() {
    do
    :: server_crashes < MOST_CRASHES ->
        atomic {
            server_crashes++;
            do
            :: entered > durable ->
                entered--;
                kind_of[entered] = 0; by_of[entered] = 0; key_of[entered] = 0
            :: else -> break
            od;
            count_commits(entered);
            epoch = n;
            /* what was acknowledged is still there */
            c = 0;
            do
            :: c < CLIENTS ->
                i = 0; n = 0;
                do
                :: i < durable ->
                    if :: kind_of[i] == MESSAGE && by_of[i] == c -> n = 1 :: else fi; i++
                :: else -> break
                od;
                assert(!acknowledged[c] || n == 1);
                c++
            :: else -> break
            od;
            c = 0; i = 0; n = 0
        }
    :: durable < entered -> durable = entered   /* the disk comes to it */
    :: break
    od
}

/* Apply the next entry of the log: one transaction. */
inline apply_next(me) {
    atomic {
        if
        :: kind_of[applied[me]] == COMMIT ->
#ifdef MERGE_EARLY
            if
            :: by_of[applied[me]] == me -> skip
            :: else -> epoch_at[me]++
            fi;
#else
            epoch_at[me]++;
#endif
            if :: by_of[applied[me]] == me && key_of[applied[me]] == pending_key[me] ->
                rotated[me] = true
            :: else fi;
            pending_key[me] = 0;
            sealed_key[me] = 0          /* its bytes can never be accepted any more */
        :: kind_of[applied[me]] == MESSAGE && by_of[applied[me]] == me ->
            assert(!confirmed[me]);
            confirmed[me] = true;
            sealed_key[me] = 0
        :: else -> skip
        fi;
        applied[me]++;
        count_commits(applied[me]);
        assert(epoch_at[me] == n);      /* what is applied, and nothing else */
        i = 0; n = 0
    }
}

inline catch_up(me) {
    do
    :: applied[me] < durable -> apply_next(me)
    :: else -> break
    od
}

#define QUIET (confirmed[me] && (rotated[me] || commits_made[me] == MOST_COMMITS) && pending_key[me] == 0)

proctype Client(byte me) {
    byte outcome = 0, key = 0, place = 0;
    do
    :: atomic { applied[me] < durable -> apply_next(me) }
    /* a message: encrypt, save; then send */
    :: atomic { applied[me] == durable && !confirmed[me] && sealed_key[me] == 0 && seals[me] < MOST_SEALS ->
        seals[me]++; sealed_key[me] = seals[me]; sealed_epoch[me] = epoch_at[me] }
    :: sealed_key[me] != 0 ->
        key = sealed_key[me];
#ifdef NEW_KEY
        seals[me]++; key = seals[me];
#endif
        /* a request that is lost changes nothing: it is as if it had not been sent yet */
        accept(MESSAGE, me, key, sealed_epoch[me], outcome);
        answered(me, key);
        if
        :: outcome == 0 -> skip
        :: outcome == OK -> acknowledged[me] = true
        :: outcome == WRONG_EPOCH ->
            atomic {
                catch_up(me);
                /* still waiting: these bytes can never be accepted any more */
                if :: sealed_key[me] == key -> sealed_key[me] = 0 :: else fi
            }
        fi;
#ifdef UNSEAL_EARLY
        atomic { if :: outcome == 0 && seals[me] < MOST_SEALS -> sealed_key[me] = 0 :: else fi };
#endif
        outcome = 0; key = 0; place = 0
    /* a commit: prepare, save; then send */
    :: atomic { applied[me] == durable && !rotated[me] && pending_key[me] == 0 && commits_made[me] < MOST_COMMITS ->
        commits_made[me]++; pending_key[me] = commits_made[me]; pending_epoch[me] = epoch_at[me];
#ifdef MERGE_EARLY
        epoch_at[me]++
#else
        skip
#endif
        }
    :: pending_key[me] != 0 ->
        key = pending_key[me];
        accept(COMMIT, me, key, pending_epoch[me], outcome);
        answered(me, key);
        if
        :: outcome != WRONG_EPOCH -> skip        /* it is applied when the log brings it */
        :: outcome == WRONG_EPOCH ->
            atomic {
                catch_up(me);
                if :: pending_key[me] == key -> pending_key[me] = 0 :: else fi
            }
        fi;
        outcome = 0; key = 0; place = 0
    :: QUIET && applied[me] == durable -> break
    :: seals[me] == MOST_SEALS && sealed_key[me] == 0 && !confirmed[me] && applied[me] == durable -> break
    od
}

init { atomic { run Client(0); run Client(1) } }
