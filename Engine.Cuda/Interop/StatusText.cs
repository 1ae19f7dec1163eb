using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>A message about a call that is only put together where the call failed.</summary>
[InterpolatedStringHandler]
internal ref struct StatusText
{
    private DefaultInterpolatedStringHandler _text;
    private readonly bool _needed;

    public StatusText(int literalLength, int formattedCount, int status, out bool needed)
    {
        _needed = needed = status != CudaCodes.Success;
        _text = needed ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public override string ToString() => _needed ? _text.ToStringAndClear() : "";
}
