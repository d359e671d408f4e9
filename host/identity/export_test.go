package identity

// The doors of the draft's own vectors, whose contexts are no purposes; one of them is empty.

func (k *PrivateKey) SignIn(context string, message []byte) ([]byte, error) {
	return k.sign(context, message)
}

func (k *PublicKey) VerifyIn(context string, message, sig []byte) error {
	return k.verify(context, message, sig)
}

// Cheap makes passphrases that are quick to test with, and to guess.
func (k *Keys) Cheap() *Keys {
	k.work = 2
	return k
}

var (
	ParseKey = parseKey
	Lock     = lock
)

// Clear is the key as a key file has it without a passphrase.
func (k *PrivateKey) Clear() []byte { return k.text() }
