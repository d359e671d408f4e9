package facts

func (g *gatherer) addSQL(text string) {
	g.strengthen(Unknown, "SQL is not read yet")
}
