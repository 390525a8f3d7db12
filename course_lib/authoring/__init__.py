"""The authors' commands: lessons in, notebooks out. Learners never import this."""
