package sandbox

import "bytes"

// GuestLog is what a plugin said in one call: by Extism's log functions, error_set, and on its standard output and error.
// It may hold anything of the request: where it goes is the operator's choice.
type GuestLog struct {
	Plugin string
	// Text has one line for each thing said, those of log functions with their level before them. It ends where
	// GuestLogBytes do; Cut says that there was more.
	Text string
	Cut  bool
}

// GuestLogBytes is how much a plugin can say in one call.
const GuestLogBytes = 4096

// guestLog gathers it.
type guestLog struct {
	text []byte
	cut  bool
}

func (l *guestLog) reset() { l.text, l.cut = l.text[:0], false }

func (l *guestLog) print(b []byte) {
	if room := GuestLogBytes - len(l.text); len(b) > room {
		b, l.cut = b[:room], true
	}
	l.text = append(l.text, b...)
}

func (l *guestLog) line(level string, b []byte) {
	l.print([]byte(level))
	l.print(bytes.TrimRight(b, "\n"))
	l.print([]byte("\n"))
}

// say logs a block of the arena. Handle 0 says nothing: so error_set takes back an error.
func (i *pluginInstance) say(level, handle uint64) {
	if handle == 0 {
		return
	}
	b := i.arena.block(handle)
	i.spend(uint64(len(b)))
	i.log.line([...]string{"trace: ", "debug: ", "info: ", "warn: ", "error: "}[level], b)
}

// told hands over what the guest said, if anybody listens.
func (i *pluginInstance) told() {
	if hear := i.plugin.hear; hear != nil && len(i.log.text) > 0 {
		hear(GuestLog{Plugin: i.plugin.info.Name, Text: string(bytes.ToValidUTF8(i.log.text, []byte("�"))), Cut: i.log.cut})
	}
}
