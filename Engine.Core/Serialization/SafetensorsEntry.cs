namespace Edifice.Engine.Serialization;

/// <summary>What a safetensors file says about one tensor.</summary>
public sealed class SafetensorsEntry
{
    internal SafetensorsEntry(string name, string format, Shape shape, long begin, long byteLength)
    {
        Name = name;
        Format = format;
        DType = SafetensorsFormat.TryDType(format);
        Shape = shape;
        Begin = begin;
        ByteLength = byteLength;
    }

    /// <summary>The tensor's name, unique in its file.</summary>
    public string Name { get; }

    /// <summary>The element type as the file spells it: <c>F32</c>, <c>BF16</c>, <c>U8</c> …</summary>
    public string Format { get; }

    /// <summary>The element type, or null when the engine has none for <see cref="Format"/> and cannot read it.</summary>
    public DType? DType { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>How many bytes the elements take in the file.</summary>
    public long ByteLength { get; }

    /// <summary>Where the elements begin, counted from the end of the header.</summary>
    internal long Begin { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Format} {Shape}";
}
