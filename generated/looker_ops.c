typedef int looker_ops_unused;
