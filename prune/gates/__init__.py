"""Gates and soft masks: factors on channels while a network is trained, gone when it is cut."""
