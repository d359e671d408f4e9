package scan

func (s *scanner) instructions() {}
func (s *scanner) layers()       {}
