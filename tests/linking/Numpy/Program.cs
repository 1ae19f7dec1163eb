using Edifice.Engine.Serialization;

// Reads an archive of NumPy's and writes it anew.
NpyFile.WriteArchive(args[1], NpyFile.ReadArchive(args[0]), compress: true);
