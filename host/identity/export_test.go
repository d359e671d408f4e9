package identity

// The doors of the draft's own vectors, whose contexts are no purposes; one of them is empty.

func (k *PrivateKey) SignIn(context string, message []byte) ([]byte, error) {
	return k.sign(context, message)
}

func (k *PublicKey) VerifyIn(context string, message, sig []byte) error {
	return k.verify(context, message, sig)
}
