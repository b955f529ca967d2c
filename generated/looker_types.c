typedef int looker_types_unused;
