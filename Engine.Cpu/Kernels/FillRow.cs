using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Writes one value everywhere.</summary>
internal readonly unsafe struct FillRow : IRow
{
    private readonly ulong _bits;
    private readonly int _size;

    /// <summary>Takes the value into a dtype.</summary>
    public FillRow(double value, DType dtype)
    {
        _size = dtype.SizeOf();
        _bits = ElementBits.Encode(value, dtype);
    }

    public void Run(byte** at, long* step, long count)
    {
        switch (_size)
        {
            case 1: Fill(at[0], step[0], (int)count, (byte)_bits); break;
            case 2: Fill(at[0], step[0], (int)count, (ushort)_bits); break;
            case 4: Fill(at[0], step[0], (int)count, (uint)_bits); break;
            default: Fill(at[0], step[0], (int)count, _bits); break;
        }
    }

    private static void Fill<T>(byte* to, long step, int count, T value) where T : unmanaged
    {
        if (step == sizeof(T)) new Span<T>(to, count).Fill(value);
        else for (var i = 0; i < count; i++, to += step) *(T*)to = value;
    }
}
