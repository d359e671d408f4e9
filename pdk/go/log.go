package pdk

// Debug writes a line to the host's log, where the operator wants that much of it. Never log what may be secret.
func Debug(message string) { debug(message) }

// Info writes a line to the host's log, where the operator wants that much of it. Never log what may be secret.
func Info(message string) { info(message) }
