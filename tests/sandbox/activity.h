/*
 * What activity.c (the data) and activity_query.c (the answers) share of the model
 * system__activity.
 */
#ifndef SANDBOX_ACTIVITY_H
#define SANDBOX_ACTIVITY_H

enum sb_activity_kind {
    SB_A_TEXT,
    SB_A_NUMBER,
    SB_A_YESNO, /* "Yes", "No" */
    SB_A_TIME,  /* of the row's hours ago */
    SB_A_DATE,
    SB_A_DAYS, /* whole days since */
    /* from here measures */
    SB_A_COUNT,
    SB_A_DISTINCT,
    SB_A_AVERAGE,
    SB_A_MAX,
    SB_A_LATEST, /* date */
};
struct sb_activity_column {
    const char *name;
    enum sb_activity_kind kind;
    const char *of; /* the member of a row that it is made of; NULL: its name */
};
struct sb_activity_explore {
    const char *name; /* NULL ends the list */
    const struct sb_activity_column *columns;
    const char *const *rows; /* fields separated by |; the first row has their names */
};
struct sb_activity_user {
    const char *key, *id, *email, *name;
};
extern const struct sb_activity_user sb_activity_users[];
extern const struct sb_activity_explore sb_activity_explores[];

#endif
