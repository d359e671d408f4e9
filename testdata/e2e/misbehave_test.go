package e2e_test

// misbehaviour is the variable that makes of the test binary a server, and says which.
const misbehaviour = "E2E_SERVER"

func misbehave(string) int { return 1 }
