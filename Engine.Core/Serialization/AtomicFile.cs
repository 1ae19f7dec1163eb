namespace Edifice.Engine.Serialization;

/// <summary>Replaces files as a whole.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file so that whoever opens <paramref name="path"/> at any time, after a crash or a full disk too,
    /// finds either the old content or all of the new one.</summary>
    /// <remarks>The new content goes to a temporary file in the same folder (a rename is atomic only within one file
    /// system), is flushed to the disk, and only then takes the name. When anything fails the temporary file is removed
    /// and the error passed on.</remarks>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        try
        {
            using (stream)
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
