# cmake/BerthText.cmake - a data file of a room becomes a constant of its library.
#
#   berth_text(model schema_words.txt NAMESPACE berth::model CONSTANT kSchemaWords)
#
# Defines `extern const std::string_view CONSTANT` with the bytes of the file; a change of the file builds it anew.
function(berth_text room file)
  cmake_parse_arguments(ARG "" "NAMESPACE;CONSTANT" "" ${ARGN})
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${file}.cpp)
  add_custom_command(
    OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} -D SOURCE=${source} -D MADE=${made} -D NAMESPACE=${ARG_NAMESPACE} -D CONSTANT=${ARG_CONSTANT} -P
            ${CMAKE_SOURCE_DIR}/cmake/make_text.cmake
    DEPENDS ${source} ${CMAKE_SOURCE_DIR}/cmake/make_text.cmake
    VERBATIM)
  target_sources(berth_${room} PRIVATE ${made})
endfunction()
