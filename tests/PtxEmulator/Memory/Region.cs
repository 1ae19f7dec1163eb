using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PtxEmulator.Memory;

/// <summary>What is known of a byte.</summary>
internal static class ByteState
{
    public const byte Fresh = 0;
    public const byte Written = 1;

    /// <summary>Between two variables: nobody's.</summary>
    public const byte Gap = 2;

    /// <summary>The target of a cp.async that has not been waited for.</summary>
    public const byte Pending = 3;
}

/// <summary>Who last wrote and read each cell (4 bytes, or 1 where narrower accesses occur): see <see cref="Checks.Stamps"/>.</summary>
internal sealed unsafe class Cells(long bytes, int shift)
{
    public readonly int Shift = shift;
    public readonly ulong* Writers = Allocate(bytes, shift);
    public readonly ulong* Readers = Allocate(bytes, shift);

    private static ulong* Allocate(long bytes, int shift) => (ulong*)NativeMemory.AllocZeroed((nuint)(((bytes + 3) >> shift) + 16), sizeof(ulong));

    public void Free()
    {
        NativeMemory.Free(Writers);
        NativeMemory.Free(Readers);
    }
}

/// <summary>A stretch of memory with one state per byte, and cells if several threads can reach it.</summary>
internal sealed unsafe class Region
{
    /// <summary>Fresh and freed bytes: not a number as a float, negative as an integer.</summary>
    public const byte Poison = 0xFF;

    private const int Padding = 64;
    private readonly byte* _data;
    private readonly byte* _states;
    private Cells? _narrowed;

    public Region(ulong address, long length, bool isShared, string what)
    {
        Address = address;
        Length = length;
        What = what;
        _data = (byte*)NativeMemory.AlignedAlloc((nuint)(length + 2 * Padding), 64);
        _states = (byte*)NativeMemory.AllocZeroed((nuint)(length + 2 * Padding));
        Host = _data + Padding;
        States = _states + Padding;
        new Span<byte>(Host, checked((int)length)).Fill(Poison);
        if (isShared) Cells = new Cells(length, 2);
    }

    public readonly ulong Address;
    public readonly long Length;
    public readonly byte* Host;
    public readonly byte* States;
    public string What { get; }

    /// <summary>Null in memory of one thread alone, or in memory nobody writes.</summary>
    public Cells? Cells { get; private set; }
    public bool IsReadOnly { get; init; }
    public volatile bool IsFreed;

    /// <summary>The cells, one per byte from now on.</summary>
    public Cells ByteCells()
    {
        var cells = Cells!;
        if (cells.Shift == 0) return cells;
        lock (this)
        {
            cells = Cells!;
            if (cells.Shift == 0) return cells;
            var fine = new Cells(Length, 0);
            for (var i = 0L; i < Length; i++)
            {
                fine.Writers[i] = cells.Writers[i >> 2];
                fine.Readers[i] = cells.Readers[i >> 2];
            }

            _narrowed = cells;
            return Cells = fine;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Holds(ulong address, int bytes) => address - Address <= (ulong)(Length - bytes) && bytes <= Length;

    /// <summary>True if every byte has been written.</summary>
    public bool IsWritten(long offset, long bytes) =>
        new ReadOnlySpan<byte>(States + offset, checked((int)bytes)).IndexOfAnyExcept(ByteState.Written) < 0;

    public void Free()
    {
        if (IsFreed) return;
        IsFreed = true;
        NativeMemory.AlignedFree(_data);
        NativeMemory.Free(_states);
        Cells?.Free();
        _narrowed?.Free();
        GC.SuppressFinalize(this);
    }

    ~Region() => Free();
}
