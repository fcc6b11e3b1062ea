"""Our code against what the authors' released code answered, recorded under data/."""
