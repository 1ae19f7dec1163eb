using System.Buffers;
using System.IO.Compression;
using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Serialization;

/// <summary>NumPy's files: .npy with one array, .npz with several by name.</summary>
/// <remarks>Element types f2, f4, f8, i4, i8 and b1 in either byte order, rows or columns first, are read; native order and
/// rows first are written. Nothing a file claims is believed before it is checked.</remarks>
public static class NpyFile
{
    private const string Extension = ".npy";
    private const int PieceBytes = 1 << 20;

    /// <summary>Reads a .npy file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the tensor goes; null for the CPU.</param>
    /// <exception cref="SerializationException">The file breaks a rule of the format or holds elements of another type.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static Tensor Read(string path, Device? device = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var file = File.OpenRead(path);
        return Read(file, path, file.Length, device);
    }

    /// <summary>Writes a .npy file, all or nothing; any strides and device, every dtype but bfloat16, which NumPy does not
    /// have.</summary>
    public static void Write(string path, Tensor tensor)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensor);
        AtomicFile.Write(path, file => Write(file, tensor));
    }

    /// <summary>Reads all arrays of a .npz file, by name.</summary>
    /// <inheritdoc cref="Read(string, Device?)"/>
    public static IReadOnlyDictionary<string, Tensor> ReadArchive(string path, Device? device = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var file = File.OpenRead(path);
        using var archive = Open(file, path);
        var tensors = new OrderedDictionary<string, Tensor>();
        foreach (var entry in archive.Entries)
        {
            var inside = $"{path}, {SafetensorsException.Quote(entry.FullName)}";
            if (!entry.FullName.EndsWith(Extension, StringComparison.Ordinal)) throw NpyHeader.Broken(inside, "it is no .npy file");
            try
            {
                using var content = entry.Open();
                var tensor = Read(content, inside, entry.Length, device);
                if (!tensors.TryAdd(entry.FullName[..^Extension.Length], tensor)) throw NpyHeader.Broken(inside, "the name appears twice");
            }
            catch (InvalidDataException e)
            {
                throw NpyHeader.Broken(inside, e.Message);
            }
        }

        return tensors;
    }

    /// <summary>Writes a .npz file, all or nothing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The arrays by name, in the order in which they are written.</param>
    /// <param name="compress">Deflates them, as <c>numpy.savez_compressed</c> does.</param>
    public static void WriteArchive(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, bool compress = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        AtomicFile.Write(path, file =>
        {
            using var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true);
            var names = new HashSet<string>();
            foreach (var (name, tensor) in tensors)
            {
                if (!names.Add(name)) throw NpyHeader.Broken(path, $"the name {SafetensorsException.Quote(name)} must not appear twice");
                var entry = archive.CreateEntry(name + Extension, compress ? CompressionLevel.Optimal : CompressionLevel.NoCompression);
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the same tensors give the same bytes
                using var content = entry.Open();
                Write(content, tensor);
            }
        });
    }

    private static ZipArchive Open(Stream file, string path)
    {
        try
        {
            return new ZipArchive(file, ZipArchiveMode.Read);
        }
        catch (InvalidDataException e)
        {
            throw NpyHeader.Broken(path, e.Message);
        }
    }

    private static Tensor Read(Stream stream, string path, long length, Device? device)
    {
        var header = NpyHeader.Read(stream, path);
        var size = header.DType.SizeOf();
        Int128 bytes = size;
        foreach (var n in header.Dims) bytes *= n;
        if (bytes > length) throw NpyHeader.Broken(path, $"it claims {bytes} bytes of elements and has {length} in all");
        int[] dims = header.FortranOrder ? [.. header.Dims.Reverse()] : header.Dims;
        var backend = BackendRegistry.For(device ?? Device.Cpu);
        var tensor = new Tensor(backend.Allocate((long)bytes), Layout.Contiguous(dims), 0, header.DType);
        var piece = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max((long)bytes, 1), PieceBytes));
        try
        {
            for (long done = 0; done < (long)bytes;)
            {
                var part = piece.AsSpan(0, (int)Math.Min((long)bytes - done, PieceBytes));
                NpyHeader.Fill(stream, part, path);
                if (header.Swapped)
                    for (var i = 0; i < part.Length; i += size) part.Slice(i, size).Reverse();
                if (header.DType == DType.Bool && part.IndexOfAnyExcept((byte)0, (byte)1) is >= 0 and var at)
                    throw NpyHeader.Broken(path, $"element {done + at} is {part[at]}: a truth value is 0 or 1");
                backend.Write(part, tensor.Storage, done);
                done += part.Length;
            }

            if (stream.ReadByte() >= 0) throw NpyHeader.Broken(path, "it goes on after its elements");
            if (!header.FortranOrder || dims.Length < 2) return tensor;
            // Columns first: the axes in reverse, put into rows.
            using (tensor)
            using (GradMode.Off())
            using (var turned = tensor.Permute([.. Enumerable.Range(0, dims.Length).Reverse()]))
                return turned.Clone();
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    private static void Write(Stream stream, Tensor tensor)
    {
        NpyHeader.Write(stream, tensor.DType, tensor.Shape.AsSpan());
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            SafetensorsWriter.WriteElements(stream, tensor, piece);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }
}
