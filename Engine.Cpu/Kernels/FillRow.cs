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
        ulong bits = 0;
        Encode(value, dtype, (byte*)&bits);
        _bits = bits;
    }

    /// <summary>Writes a number as an element of a dtype: rounded to nearest even, cut to an integer in range, or "not
    /// zero".</summary>
    public static void Encode(double value, DType dtype, byte* to)
    {
        switch (dtype)
        {
            case DType.Float32: *(float*)to = (float)value; break;
            case DType.Float64: *(double*)to = value; break;
            case DType.BFloat16: *(ushort*)to = Conversion.RoundToBFloat16(value); break;
            case DType.Float16: *(Half*)to = (Half)value; break;
            case DType.Int32: *(int*)to = (int)value; break;
            case DType.Int64: *(long*)to = (long)value; break;
            default: *to = value != 0 ? (byte)1 : (byte)0; break;
        }
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
