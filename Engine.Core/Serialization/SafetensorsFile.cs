using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Edifice.Engine.Backends;
using Microsoft.Win32.SafeHandles;

namespace Edifice.Engine.Serialization;

/// <summary>A safetensors file open for reading: names, dtypes, shapes and metadata at once, elements when asked for.</summary>
/// <remarks>
/// <para>The file is mapped, not loaded: opening costs its header only, and a tensor's elements are copied once, from the
/// page cache into the tensor. Nothing the file claims is believed before it is checked, and nothing larger than the
/// file is allocated on its word. Several threads may read from one instance.</para>
/// <para>A file replaced by <see cref="Write"/> while it is open here keeps its old content for this reader. Shortening
/// it in place is noticed at the next read; it must not happen during one.</para>
/// </remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    // One span cannot hold a tensor of 2 GiB; pieces of this size can.
    private const int PieceBytes = 1 << 30;

    private readonly SafeFileHandle _handle;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafetensorsHeader _header;
    private readonly long _fileLength;
    private readonly long _dataStart;

    private SafetensorsFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
        _fileLength = RandomAccess.GetLength(handle);
        var headerLength = ReadHeaderLength(path, handle, _fileLength);
        _dataStart = SafetensorsFormat.LengthBytes + headerLength;
        _map = MemoryMappedFile.CreateFromFile(
            handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            _view = _map.CreateViewAccessor(0, _fileLength, MemoryMappedFileAccess.Read);
            var start = Pin();
            try
            {
                var json = new ReadOnlySpan<byte>(start + SafetensorsFormat.LengthBytes, headerLength);
                _header = SafetensorsHeader.Parse(path, json, _fileLength - _dataStart);
            }
            finally
            {
                Unpin();
            }
        }
        catch
        {
            _view?.Dispose();
            _map.Dispose();
            throw;
        }
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>What the file says about each tensor, by name, in the header's order.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => _header.Tensors;

    /// <summary>The file's own notes: <c>__metadata__</c>, empty when it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks all of its header.</summary>
    /// <exception cref="SafetensorsException">The file breaks a rule of the format; the message names the file, the tensor
    /// and the rule.</exception>
    /// <exception cref="IOException">The file cannot be opened (<see cref="FileNotFoundException"/> and others).</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            return new SafetensorsFile(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Writes tensors to a file, all or nothing: a failed write leaves an older file of that name as it was.</summary>
    /// <param name="path">The file; its folder must exist. An older file is replaced.</param>
    /// <param name="tensors">The tensors by name, from any device and with any strides; elements are written in row-major
    /// order.</param>
    /// <param name="metadata">Notes for <see cref="Metadata"/>.</param>
    /// <remarks>The same tensors and metadata give the same bytes: wider element types come first, so that every tensor is
    /// aligned to its elements, then names in ordinal order; metadata is sorted by key. The header is padded with
    /// spaces to a multiple of 8 bytes.</remarks>
    /// <exception cref="SafetensorsException">A name appears twice, is not valid Unicode or is <c>__metadata__</c>; the same
    /// for metadata keys and values; or the header is longer than the format allows.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(
        string path,
        IEnumerable<KeyValuePair<string, Tensor>> tensors,
        IEnumerable<KeyValuePair<string, string>>? metadata = null) =>
        SafetensorsWriter.Write(path, tensors, metadata);

    /// <summary>Reads one tensor: a new, contiguous one that does not depend on this file afterwards.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="dtype">The element type wanted; null for the file's own. Conversion follows
    /// <see cref="IBackend.Copy"/>.</param>
    /// <param name="device">Where it goes; null for the CPU.</param>
    /// <exception cref="SafetensorsException">There is no such tensor, the engine has no such element type, a BOOL element
    /// is neither 0 nor 1, or the file was shortened since it was opened.</exception>
    public Tensor Read(string name, DType? dtype = null, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!_header.Tensors.TryGetValue(name, out var entry)) throw Broken(name, $"there is none of this name among {Names()}");
        if (entry.DType is not { } stored)
        {
            throw Broken(name, $"the engine has no type for {entry.Format}: it reads F64, F32, F16, BF16, I64, I32 and BOOL");
        }

        var backend = BackendRegistry.For(device ?? Device.Cpu);
        var layout = Layout.Contiguous(entry.Shape);
        var tensor = new Tensor(backend.Allocate(entry.ByteLength), layout, 0, stored);
        try
        {
            Fill(backend, tensor, entry);
        }
        catch
        {
            tensor.Dispose();
            throw;
        }

        var wanted = dtype ?? stored;
        if (wanted == stored) return tensor;
        using (tensor)
        {
            var converted = new Tensor(backend.Allocate(entry.Shape.Count * wanted.SizeOf()), layout, 0, wanted);
            backend.Copy(tensor, converted);
            return converted;
        }
    }

    /// <summary>Closes the file. Tensors read from it stay.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
        _handle.Dispose();
    }

    private static int ReadHeaderLength(string path, SafeFileHandle handle, long fileLength)
    {
        Span<byte> prefix = stackalloc byte[SafetensorsFormat.LengthBytes];
        if (fileLength < prefix.Length || RandomAccess.Read(handle, prefix, 0) < prefix.Length)
        {
            throw new SafetensorsException(path, null,
                $"the file has {fileLength} bytes: too few for the {prefix.Length} that tell the header's length");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafetensorsFormat.MaxHeaderBytes)
        {
            throw new SafetensorsException(path, null,
                $"the header claims {length} bytes; the format allows {SafetensorsFormat.MaxHeaderBytes}");
        }

        var follow = fileLength - prefix.Length;
        if ((long)length > follow)
            throw new SafetensorsException(path, null, $"the header claims {length} bytes, but only {follow} follow");
        return (int)length;
    }

    private void Fill(IBackend backend, Tensor tensor, SafetensorsEntry entry)
    {
        // Pages beyond the end of a file cannot be touched without bringing the process down.
        var start = Pin();
        try
        {
            if (RandomAccess.GetLength(_handle) < _fileLength)
                throw Broken(entry.Name, $"the file was shortened from {_fileLength} bytes since it was opened");
            start += _dataStart + entry.Begin;
            for (var done = 0L; done < entry.ByteLength;)
            {
                var piece = new ReadOnlySpan<byte>(start + done, (int)Math.Min(entry.ByteLength - done, PieceBytes));
                if (tensor.DType == DType.Bool && piece.IndexOfAnyExcept((byte)0, (byte)1) is >= 0 and var at)
                    throw Broken(entry.Name, $"element {done + at} is {piece[at]}: a BOOL is 0 or 1");
                backend.Write(piece, tensor.Storage, done);
                done += piece.Length;
            }
        }
        finally
        {
            Unpin();
        }
    }

    /// <summary>The first byte of the mapping, which stays until <see cref="Unpin"/> even if another thread disposes.</summary>
    private byte* Pin()
    {
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        return pointer + _view.PointerOffset;
    }

    private void Unpin() => _view.SafeMemoryMappedViewHandle.ReleasePointer();

    private string Names()
    {
        const int shown = 8;
        var names = string.Join(", ", _header.Tensors.Keys.Take(shown).Select(SafetensorsException.Quote));
        return $"the file's {_header.Tensors.Count} tensors ({names}{(_header.Tensors.Count > shown ? ", …" : "")})";
    }

    private SafetensorsException Broken(string tensor, string rule) => new(Path, tensor, rule);
}
