// Loaded into a server by LD_PRELOAD; nothing here is called by name.
